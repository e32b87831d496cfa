"""The stack round a service, policy by policy."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY

from shared.deadline import Deadline
from shared.errors import AttemptTimeout, BadResponse, NoBudget
from shared.upstream.call import Call, Policy, Reply, Send, stack
from shared.upstream.observe import observe_attempts
from shared.upstream.timeout import attempt_timeout


def _status(reply: Reply) -> int:
    return reply.status


def _call(deadline: Deadline) -> Call[int]:
    return Call("/", _status, deadline)


def _attempts(outcome: str) -> float:
    labels = {"service_name": "user_service", "outcome": outcome}
    return REGISTRY.get_sample_value("upstream_attempts_total", labels) or 0.0


async def test_the_first_policy_is_the_outermost() -> None:
    """A call passes the policies in the order in which they are written."""
    passed: list[str] = []

    def named(name: str) -> Policy:
        def policy(send: Send) -> Send:
            async def through(call: Call[Any]) -> Any:
                passed.append(name)
                return await send(call)

            return through

        return policy

    async def transport(_call: Call[Any]) -> Any:
        passed.append("transport")

    await stack(transport, named("outer"), named("inner"))(_call(Deadline.after(1)))
    assert passed == ["outer", "inner", "transport"]


@pytest.mark.parametrize(("left", "expected"), [(5.0, 0.8), (0.3, 0.3)])
async def test_an_attempt_gets_its_time_or_what_is_left(left: float, expected: float) -> None:
    """The smaller of both, and the transport is told."""
    seen: list[float] = []

    async def transport(call: Call[Any]) -> Any:
        seen.append(call.timeout)

    await attempt_timeout(0.8)(transport)(_call(Deadline(100.0 + left, lambda: 100.0)))
    assert seen == [pytest.approx(expected)]


@pytest.mark.parametrize("left", [0.004, 0.0, -1.0])
async def test_an_attempt_that_cannot_fit_is_not_made(left: float) -> None:
    """Without time nobody is asked."""

    async def transport(_call: Call[Any]) -> Any:
        raise AssertionError("asked")

    with pytest.raises(NoBudget):
        await attempt_timeout(0.8)(transport)(_call(Deadline(100.0 + left, lambda: 100.0)))


async def test_an_attempt_that_takes_too_long_is_ended(loop: object) -> None:
    """The transport is cancelled and the caller gets one of our errors."""
    ended = asyncio.Event()

    async def transport(_call: Call[Any]) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(AttemptTimeout):
        await attempt_timeout(0.01)(transport)(_call(Deadline.after(5)))
    assert ended.is_set()


async def test_outcomes_are_counted() -> None:
    """Success, each reason, and callers that leave are told apart."""
    before = {outcome: _attempts(outcome) for outcome in ("success", "bad_response", "ignored")}

    async def well(_call: Call[Any]) -> Any:
        return 1

    async def badly(_call: Call[Any]) -> Any:
        raise BadResponse("odd")

    async def never(_call: Call[Any]) -> Any:
        await asyncio.Event().wait()

    watch = observe_attempts("user_service")
    await watch(well)(_call(Deadline.after(1)))
    with pytest.raises(BadResponse):
        await watch(badly)(_call(Deadline.after(1)))
    leaving = asyncio.ensure_future(watch(never)(_call(Deadline.after(1))))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert {outcome: _attempts(outcome) - count for outcome, count in before.items()} == dict.fromkeys(before, 1)
