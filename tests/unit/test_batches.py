"""Calls for several ids at once, and who leaves while they are being begun."""

import asyncio
import gc
from collections.abc import Sequence
from typing import Any

import pytest

from bff.parts.batches import Batches, Terms
from shared.deadline import Deadline
from shared.errors import AttemptTimeout
from tests.fixtures.jumping_loop import now, run


async def test_leaving_at_once_leaves_nothing_behind(loop: object) -> None:
    """Who is cancelled before a call had a turn is no trouble: warnings are errors, and the next one asks anew."""
    asked: list[Sequence[str]] = []

    async def call(ids: Sequence[str], _deadline: Deadline) -> int:
        asked.append(ids)
        return len(asked)

    batches: Batches[int] = Batches(call, max_ids=1, call_timeout=1.0)
    asking = asyncio.ensure_future(batches.get([], ["a", "b"], Deadline.after(10)))
    await asyncio.sleep(0)  # it has taken its seats, and no call has had a turn
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await asyncio.sleep(0)
    gc.collect()
    assert asking.cancelled()
    assert await batches.get([], ["a"], Deadline.after(10)) == [len(asked)]


class _Calls:
    """Calls under way, each of which ends when its gate is opened."""

    def __init__(self) -> None:
        self.terms: list[Terms] = []
        self.gates: dict[str, asyncio.Event] = {}

    async def __call__(self, ids: Sequence[str], terms: Terms) -> Sequence[str]:
        self.terms.append(terms)
        if ids[0] in self.gates:
            await self.gates[ids[0]].wait()
        return ids


async def _turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("left", "until"), [(5.0, 1005.0), (0.1, 1000.8)])
async def test_a_call_has_its_patience(loop: object, left: float, until: float) -> None:
    """Its deadline is that of whoever began it, or later; what it is wanted for is that one's own."""
    calls = _Calls()
    batches: Batches[Sequence[str]] = Batches(calls, max_ids=10, call_timeout=0.8)
    await batches.get([], ["a"], Deadline(1000.0 + left, lambda: 1000.0))
    assert calls.terms[0].at == pytest.approx(until)


async def test_a_call_is_wanted_as_long_as_by_the_most_patient_of_those_who_wait(loop: object) -> None:
    """It grows with those who join, and shrinks with those who leave; wanted by nobody it is wanted no longer."""
    calls = _Calls()
    calls.gates["a"] = asyncio.Event()
    batches: Batches[Sequence[str]] = Batches(calls, max_ids=10, call_timeout=0.8)

    def asking(join: Sequence[str], ask: Sequence[str], until: float) -> asyncio.Future[Any]:
        return asyncio.ensure_future(batches.get(join, ask, Deadline(until, lambda: 1000.0)))

    waiting = [asking([], ["a", "b"], 1005.0)]
    await _turns()
    wanted_until = calls.terms[0].wanted_until
    seen = [wanted_until()]
    for until in (1003.0, 1009.0, 1007.0):
        waiting.append(asking(["b"], [], until))
        await _turns()
        seen.append(wanted_until())
    for leaving in (2, 1, 3):
        waiting[leaving].cancel()
        await _turns()
        seen.append(wanted_until())
    assert seen == [1005.0, 1005.0, 1009.0, 1009.0, 1007.0, 1007.0, 1005.0]
    calls.gates["a"].set()
    assert await waiting[0] == [["a", "b"]]
    await _turns()
    assert wanted_until() == 0.0


def test_what_has_come_before_the_deadline_is_given() -> None:
    """One call that hangs costs what it was to give, and nothing of the others."""

    async def get() -> Sequence[object]:
        calls = _Calls()
        calls.gates["b"] = asyncio.Event()
        batches: Batches[Sequence[str]] = Batches(calls, max_ids=1, call_timeout=0.0)
        return await batches.get([], ["a", "b", "c"], Deadline.after(0.05, now), ["d"])

    *given, late = run(get())
    assert given == [["a"], ["c"], ["d"]]
    assert isinstance(late, AttemptTimeout)


@pytest.mark.parametrize("turns", range(4))
async def test_no_id_is_remembered_when_it_is_no_longer_asked_for(loop: object, turns: int) -> None:
    """Whoever leaves at whatever moment, and whoever stays, in the end there is nothing left."""
    calls = _Calls()
    calls.gates["a"] = asyncio.Event()
    batches: Batches[Sequence[str]] = Batches(calls, max_ids=2, call_timeout=1.0)
    first = asyncio.ensure_future(batches.get([], ["a", "b", "c"], Deadline.after(10), ["d"]))
    for _ in range(turns):
        await asyncio.sleep(0)
    joined = [one for one in ("a", "b") if batches.has(one)]
    second = asyncio.ensure_future(batches.get(joined, [], Deadline.after(10)))
    await asyncio.sleep(0)
    first.cancel()
    await _turns()
    assert all(batches.has(one) for one in joined)
    calls.gates["a"].set()
    assert await second == [["a", "b"] for _ in joined[:1]]
    await _turns()
    assert len(batches) == 0


async def test_nothing_to_ask_for_is_no_call(loop: object) -> None:
    """And no error."""
    assert await Batches(_Calls(), max_ids=1, call_timeout=1.0).get([], [], Deadline.after(1)) == []


@pytest.mark.parametrize("turns", range(6))
async def test_who_comes_while_the_last_one_leaves_is_given_an_answer(loop: object, turns: int) -> None:
    """Of the call under way as long as that may be joined, else of another one."""
    calls = _Calls()
    calls.gates["a"] = asyncio.Event()
    batches: Batches[Sequence[str]] = Batches(calls, max_ids=10, call_timeout=1.0)
    leaving = asyncio.ensure_future(batches.get([], ["a"], Deadline.after(10)))
    await _turns()
    leaving.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    join, ask = (["a"], []) if batches.has("a") else ([], ["a"])
    asyncio.get_running_loop().call_soon(calls.gates["a"].set)
    assert await batches.get(join, ask, Deadline.after(10)) == [["a"]]
    assert len(calls.terms) == 1 + len(ask)
