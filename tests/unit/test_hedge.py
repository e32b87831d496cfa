"""A read that is late is sent to a second instance: who wins, who is cancelled, and when none is sent."""

import asyncio
from collections.abc import Callable
from itertools import product
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from shared.errors import BadResponse, Refused, Unreachable, UpstreamError
from shared.upstream.logical import Policies
from shared.upstream.retry import RetryRules
from tests.fixtures.instances import Instance, Replicas
from tests.fixtures.jumping_loop import call, now, run

NAME = "of_hedges"
USUAL = 0.02
"""Seconds that calls take, of which a hundred are known: later than that is late."""
SLOW = 1.0


def broken() -> UpstreamError:
    """No answer, and not the last word."""
    return Unreachable("status 500", status=500)


class Counts:
    """What has been counted since."""

    def __init__(self) -> None:
        self._before = self._now()

    @staticmethod
    def _now() -> dict[str, float]:
        names = ("sent", "won", "denied")
        hedges = {one: _value("upstream_hedges_total", one) for one in names}
        return hedges | {f"{one} attempts": _value("upstream_attempts_total", one) for one in ("success", "lost")}

    def __call__(self) -> dict[str, float]:
        """By name, what has gone up."""
        return {name: value - self._before[name] for name, value in self._now().items() if value != self._before[name]}


def _value(name: str, outcome: str) -> float:
    return REGISTRY.get_sample_value(name, {"service_name": NAME, "outcome": outcome}) or 0.0


async def ready(instances: int = 2, *, concurrency: int = 200) -> Replicas:
    """A service whose usual time is known, and whose next call goes to the first of its instances."""
    policies = Policies(timeout=5, concurrency=concurrency, retry=RetryRules(retries=0))
    replicas = Replicas(*(Instance(USUAL) for _ in range(instances)), policies=policies, hedged=True, name=NAME)
    for _ in range(100):
        await ask(replicas)
    first = replicas.concrete.balancer.endpoints[0]
    first.pending -= 1
    return replicas


async def ask(replicas: Replicas, *, safe: bool = True) -> Instance:
    """Which instance answers."""
    answered: Any = await replicas.upstream.call(msgspec.structs.replace(call(), safe=safe))
    assert isinstance(answered, Instance)
    return answered


def test_the_second_one_answers_where_the_first_is_late() -> None:
    """After the usual time and its own; the first is cancelled, and counted as the loser that it is."""

    async def go() -> tuple[object, ...]:
        replicas = await ready()
        first, second = replicas.by_number.values()
        first.takes = SLOW
        counts, started = Counts(), now()
        answered = await ask(replicas)
        return answered is second, now() - started, first.cancelled, counts()

    assert run(go(), debug=False) == (
        True,
        pytest.approx(2 * USUAL),
        1,
        {"sent": 1, "won": 1, "success attempts": 1, "lost attempts": 1},
    )


def test_the_first_one_may_be_sooner_all_the_same() -> None:
    """Then the second is cancelled."""

    async def go() -> tuple[object, ...]:
        replicas = await ready()
        first, second = replicas.by_number.values()
        first.takes, second.takes = 1.5 * USUAL, SLOW
        counts, started = Counts(), now()
        answered = await ask(replicas)
        taken = now() - started
        await asyncio.sleep(0)
        return answered is first, taken, second.cancelled, counts()

    assert run(go(), debug=False) == (
        True,
        pytest.approx(1.5 * USUAL),
        1,
        {"sent": 1, "success attempts": 1, "lost attempts": 1},
    )


TIMES = (0.5, 1.5, 2.0, 2.5, 50.0)
"""In usual times; two of them end in the same moment: 2.0 of the first, 1.0 of the second."""


@pytest.mark.parametrize(("first_takes", "second_takes"), list(product(TIMES, (0.5, 1.0, 1.5, 50.0))))
@pytest.mark.parametrize("first_fails", [False, True])
@pytest.mark.parametrize("second_fails", [False, True])
def test_the_first_success_wins_whenever_either_ends(
    first_takes: float, second_takes: float, first_fails: bool, second_fails: bool
) -> None:
    """One failure does not end the race once it has begun; where both fail, it is the first one's failure."""

    async def go() -> tuple[object, float]:
        replicas = await ready()
        first, second = replicas.by_number.values()
        first.takes, second.takes = first_takes * USUAL, second_takes * USUAL
        failure = Unreachable("the first", status=500)
        first.fails = (lambda: failure) if first_fails else None
        second.fails = broken if second_fails else None
        started = now()
        try:
            answered: object = await ask(replicas)
        except UpstreamError as error:
            answered = error
        names = {id(first): "first", id(second): "second", id(failure): "failure"}
        assert len(asyncio.all_tasks()) <= 2
        await asyncio.sleep(0.001)
        assert len(asyncio.all_tasks()) == 1
        assert [one.pending for one in replicas.concrete.balancer.endpoints] == [-1, 0]
        return names[id(answered)], now() - started - 0.001

    ends = {"first": first_takes * USUAL, "second": (1 + second_takes) * USUAL}
    raced = first_takes > 1
    fit = [name for name, fails in (("first", first_fails), ("second", second_fails)) if not fails]
    if not raced:
        expected = {("failure" if first_fails else "first", ends["first"])}
    elif not fit:
        expected = {("failure", max(ends.values()))}
    else:
        soonest = min(ends[name] for name in fit)
        expected = {(name, ends[name]) for name in fit if ends[name] == pytest.approx(soonest)}
    answered, taken = run(go(), debug=False)
    assert any(answered == name and taken == pytest.approx(seconds) for name, seconds in expected)


ANSWERS = {
    "refused": lambda: Refused("status 422", status=422),
    "the usable part": lambda: BadResponse("one record is odd", is_failure=False, rest={"prod1": object()}),
}


@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("answering", [0, 1])
@pytest.mark.parametrize("other_fails", [False, True])
@pytest.mark.parametrize("takes", [0.5, 1.5, 2.5])
def test_an_answer_that_is_an_error_ends_the_race_too(
    answers: Callable[[], UpstreamError], answering: int, other_fails: bool, takes: float
) -> None:
    """Nobody waits for an instance that hangs, nor loses what is usable of a batch, when the other has answered."""

    async def go() -> tuple[object, ...]:
        replicas = await ready()
        one, other = (replicas.by_number[number] for number in (answering, 1 - answering))
        one.takes, one.fails = takes * USUAL, answers
        other.takes, other.fails = SLOW, broken if other_fails else None
        failures = failure_count()
        started = now()
        with pytest.raises(UpstreamError) as caught:
            await ask(replicas)
        taken = now() - started
        await asyncio.sleep(0.001)
        return type(caught.value), taken, other.cancelled, failure_count() - failures

    hedged = answering == 1 or takes > 1
    taken = (takes + answering) * USUAL
    assert run(go(), debug=False) == (type(answers()), pytest.approx(taken), int(hedged), 0)


def failure_count() -> int:
    """How many attempts are told to have failed for want of an answer."""
    return int(_value("upstream_attempts_total", "unavailable"))


@pytest.mark.parametrize(("instances", "asked"), [(2, [0, 1]), (3, [0, 1, 1])])
def test_a_retry_is_not_hedged_where_the_call_has_failed_before(instances: int, asked: list[int]) -> None:
    """Of two, one is known to have given nothing; of three, the third is asked."""

    async def go() -> list[int]:
        replicas = await ready(instances)
        for one in replicas.by_number.values():
            one.asked.clear()
            one.takes = 3 * USUAL
        failed = replicas.concrete.balancer.endpoints[0]
        await replicas.upstream.call(msgspec.structs.replace(call(), safe=True, avoid=(failed,)))
        return replicas.asked()

    assert run(go(), debug=False) == asked


def test_nothing_is_sent_for_what_may_not_be_carried_out_twice() -> None:
    """A command that is late is late."""

    async def go() -> tuple[bool, dict[str, float]]:
        replicas = await ready()
        first = replicas.by_number[0]
        first.takes = 3 * USUAL
        counts = Counts()
        return await ask(replicas, safe=False) is first, counts()

    assert run(go(), debug=False) == (True, {"success attempts": 1})


def test_nothing_is_sent_where_there_is_nobody_else() -> None:
    """One instance is asked once."""

    async def go() -> dict[str, float]:
        replicas = await ready(1)
        replicas.by_number[0].takes = 3 * USUAL
        counts = Counts()
        await ask(replicas)
        return counts()

    assert run(go(), debug=False) == {"success attempts": 1}


def test_nothing_is_sent_where_the_service_is_busy() -> None:
    """Over half of the calls that it may have at once are with it."""

    async def go() -> dict[str, float]:
        replicas = await ready(concurrency=2)
        replicas.by_number[0].takes = replicas.by_number[1].takes = 3 * USUAL
        counts = Counts()
        await asyncio.gather(ask(replicas), ask(replicas))
        return counts()

    assert run(go(), debug=False) == {"denied": 2, "success attempts": 2}


def test_no_more_than_a_twentieth_of_the_calls_is_sent_twice() -> None:
    """Where all are slow, it does not help to ask for everything twice."""

    async def go() -> dict[str, float]:
        replicas = await ready()
        counts = Counts()
        for one in replicas.by_number.values():
            one.takes = 0.5
        for _ in range(60):
            await ask(replicas)
        for one in replicas.by_number.values():
            one.takes = 0.6
        for _ in range(1000):
            await ask(replicas)
        return counts()

    counted = run(go(), debug=False)
    assert counted["sent"] <= 5 + 1060 * 0.05
    assert counted["denied"] > 0


@pytest.mark.parametrize("after", [0.5, 1.5])
def test_whoever_leaves_ends_both(after: float) -> None:
    """Before the second attempt is made and after."""

    async def go() -> tuple[int, int, int]:
        replicas = await ready()
        first, second = replicas.by_number.values()
        first.takes = second.takes = SLOW
        asking = asyncio.create_task(ask(replicas))
        await asyncio.sleep(after * USUAL)
        asking.cancel()
        await asyncio.wait({asking})
        await asyncio.sleep(2 * SLOW)
        return first.cancelled, second.cancelled, len(asyncio.all_tasks())

    assert run(go(), debug=False) == (1, int(after > 1), 1)


def test_a_hedge_that_is_over_leaves_no_later_cancellation_behind() -> None:
    """Whoever has got an answer may wait for other things."""

    async def go() -> list[str]:
        replicas = await ready()
        first = replicas.by_number[0]
        seen = []
        for first_takes in (1.999, 2.0, 2.001):
            first.takes = first_takes * USUAL
            await ask(replicas)
            await asyncio.sleep(0)
            await asyncio.sleep(0.5)
            task = asyncio.current_task()
            seen.append("cancelled" if task is not None and task.cancelling() else "on")
        return seen

    assert run(go(), debug=False) == ["on"] * 3
