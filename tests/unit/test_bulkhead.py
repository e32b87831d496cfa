"""The bulkhead: so many calls at once, the others in a queue that nobody holds up by leaving it."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import AttemptTimeout, BadResponse, CircuitOpen, Overloaded, Unreachable, UpstreamError
from shared.upstream.bulkhead import Bulkhead, bulkheading
from shared.upstream.call import Call
from shared.upstream.limit import AimdLimit, StaticLimit
from tests.fixtures.jumping_loop import call, now, run


async def settled() -> None:
    """Whoever can go on has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)


@dataclass
class Caller:
    """Comes after ``comes`` ticks, waits and stays for so many; ``leaves``, if ever, so long after it has come."""

    comes: int
    patience: int
    stays: int
    leaves: int | None = None


class Crowd:
    """Callers at a bulkhead, and what became of them."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.bulkhead = Bulkhead(StaticLimit(slots))
        self.came: list[int] = []
        self.entered: dict[int, float] = {}
        self.refused: dict[int, float] = {}
        self.inside = self.most_inside = 0

    async def visit(self, number: int, caller: Caller) -> None:
        """One caller's visit."""
        self.came.append(number)
        try:
            await self.bulkhead.acquire(caller.patience)
        except Overloaded:
            self.refused[number] = now()
            return
        self.entered[number] = now()
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            await asyncio.sleep(caller.stays)
        finally:
            self.inside -= 1
            self.bulkhead.release()

    async def come(self, *callers: Caller) -> None:
        """All visits, each at its time; those that are to be cancelled are."""
        loop = asyncio.get_running_loop()
        tasks: list[asyncio.Task[None]] = []

        def begin(number: int, caller: Caller) -> None:
            task = loop.create_task(self.visit(number, caller))
            tasks.append(task)
            if caller.leaves is not None:
                loop.call_later(caller.leaves, task.cancel)

        for number, caller in enumerate(callers):
            loop.call_later(caller.comes, begin, number, caller)
        await asyncio.sleep(max(caller.comes for caller in callers) + 0.5)
        await asyncio.gather(*tasks, return_exceptions=True)

    def is_empty(self) -> bool:
        """Whether nobody is left, nor a trace of anybody."""
        return (self.bulkhead.in_flight, self.bulkhead.waiting, len(self.bulkhead._queue)) == (0, 0, 0)


def test_no_more_get_in_at_once_than_there_are_slots_and_all_in_the_order_in_which_they_came() -> None:
    """Twelve calls of a second each take three seconds with five slots."""
    crowd = Crowd(5)
    run(crowd.come(*[Caller(0, 9, 1)] * 12))
    assert crowd.most_inside == 5
    assert list(crowd.entered) == crowd.came
    assert list(crowd.entered.values()) == [0.0] * 5 + [1.0] * 5 + [2.0] * 2


def test_waiting_ends_when_patience_does() -> None:
    """Whoever waits longer is not held up by it."""
    crowd = Crowd(1)
    run(crowd.come(Caller(0, 9, 5), Caller(1, 2, 1), Caller(1, 9, 1)))
    assert (crowd.refused, crowd.entered) == ({1: 3.0}, {0: 0.0, 2: 5.0})
    assert crowd.is_empty()


def test_without_patience_only_a_free_slot_is_taken() -> None:
    """A full bulkhead refuses at once."""
    crowd = Crowd(1)
    run(crowd.come(Caller(0, -1, 5), Caller(1, -1, 1), Caller(1, 0, 1), Caller(6, 0, 1)))
    assert (crowd.refused, crowd.entered) == ({1: 1.0, 2: 1.0}, {0: 0.0, 3: 6.0})


@pytest.mark.parametrize("leaving", [[1], [2], [1, 2], [1, 3], [2, 3], [1, 2, 3]])
def test_those_who_leave_the_queue_leave_no_hole(leaving: list[int]) -> None:
    """The first, one in the middle, several: the slot goes to the next who is still there."""
    crowd = Crowd(1)
    callers = [Caller(0, 9, 2), *(Caller(0, 9, 1, 1 if one in leaving else None) for one in (1, 2, 3)), Caller(2, 9, 1)]
    run(crowd.come(*callers))
    left = [number for number in range(5) if number not in leaving]
    assert list(crowd.entered) == left
    assert list(crowd.entered.values()) == [0.0, 2.0, 3.0, 4.0][: len(left)]
    assert crowd.is_empty()


async def test_whoever_leaves_with_the_slot_just_given_passes_it_on(loop: object) -> None:
    """Between being called and going in, too."""
    bulkhead = Bulkhead(StaticLimit(1))
    await bulkhead.acquire(1)
    first, second = (asyncio.ensure_future(bulkhead.acquire(1)) for _ in range(2))
    await settled()
    assert bulkhead.waiting == 2
    bulkhead.release()
    first.cancel()
    await asyncio.wait([first])
    await second
    assert (first.cancelled(), bulkhead.in_flight, bulkhead.waiting) == (True, 1, 0)


async def test_the_queue_follows_a_limit_that_changes(loop: object) -> None:
    """With the next slot that is given back, as many go in as the limit says then."""
    limit = StaticLimit(2)
    bulkhead = Bulkhead(limit)
    waits = [asyncio.ensure_future(bulkhead.acquire(1)) for _ in range(7)]
    await settled()
    seen = []
    for limit.value in (4, 1, 1, 1, 1):
        bulkhead.release()
        await settled()
        seen.append((bulkhead.in_flight, bulkhead.waiting))
    assert seen == [(4, 2), (3, 2), (2, 2), (1, 2), (1, 1)]
    bulkhead.release()
    await asyncio.gather(*waits)


_TICKS = st.integers(0, 6)
_CALLERS = st.builds(Caller, _TICKS, _TICKS, _TICKS, st.none() | _TICKS)


@given(slots=st.integers(1, 4), callers=st.lists(_CALLERS, min_size=1, max_size=25))
@settings(deadline=None, max_examples=150)
def test_no_slot_is_lost_or_given_twice_whatever_happens_at_once(slots: int, callers: list[Caller]) -> None:
    """Calls come, end, lose patience and are cancelled in the same instants; afterwards everything is as before."""
    crowd = Crowd(slots)
    run(crowd.come(*callers))
    assert crowd.most_inside <= slots
    assert crowd.is_empty()
    entered = [crowd.entered[number] for number in crowd.came if number in crowd.entered]
    assert entered == sorted(entered)
    for number, at in crowd.refused.items():
        assert at == callers[number].comes + callers[number].patience
    for number, caller in enumerate(callers):
        assert caller.leaves is not None or (number in crowd.entered) != (number in crowd.refused)


def _adaptive(exact: float) -> AimdLimit:
    limit = AimdLimit(100, lambda: 1000.0)
    limit._exact = exact
    return limit


@pytest.mark.parametrize(
    ("error", "limit_after"),
    [
        (None, 22),
        (AttemptTimeout("late"), 18),
        (AttemptTimeout("cut short", is_failure=False), 20),
        (Overloaded("status 429"), 18),
        (BadResponse("odd"), 20),
        (CircuitOpen("open"), 20),
        (Unreachable("status 503"), 20),
    ],
    ids=lambda value: None if isinstance(value, int) else str(value),
)
def test_a_limit_is_told_how_calls_went(error: UpstreamError | None, limit_after: int) -> None:
    """429 and a timeout that is the service's own are drops, success lets it grow; others say nothing about load."""

    async def transport(_call: Call[Any]) -> Any:
        await asyncio.sleep(1)
        if error is not None:
            raise error

    async def ask() -> None:
        send = bulkheading("user_service", bulkhead)(transport)
        await asyncio.gather(*(send(call()) for _ in range(60)), return_exceptions=True)

    bulkhead = Bulkhead(_adaptive(20.0))
    run(ask())
    assert (bulkhead.limit.value, bulkhead.in_flight) == (limit_after, 0)


async def _never(_call: Call[Any]) -> Any:
    raise AssertionError("asked")


def test_a_call_waits_as_long_as_its_deadline_leaves_time_to_ask() -> None:
    """Five milliseconds before the deadline there is no point in waiting on; that there was none is no drop."""

    async def ask() -> float:
        for _ in range(20):
            await bulkhead.acquire(0)
        with pytest.raises(Overloaded):
            await bulkheading("user_service", bulkhead)(_never)(call(0.5))
        return now()

    bulkhead = Bulkhead(_adaptive(20.0))
    assert run(ask()) == pytest.approx(0.495)
    assert (bulkhead.limit.value, bulkhead.in_flight, bulkhead.waiting) == (20, 20, 0)


def test_a_call_to_a_service_that_is_given_up_is_not_sent() -> None:
    """It gives its slot back at once, and says nothing about load."""

    async def ask() -> list[object]:
        send = bulkheading("user_service", bulkhead, is_tripped=lambda _call: True)(_never)
        return await asyncio.gather(*(send(call()) for _ in range(60)), return_exceptions=True)

    bulkhead = Bulkhead(_adaptive(20.0))
    assert {type(result) for result in run(ask())} == {CircuitOpen}
    assert (bulkhead.limit.value, bulkhead.in_flight, bulkhead.waiting) == (20, 0, 0)


@given(slots=st.integers(1, 4), visits=st.lists(st.tuples(_TICKS, _TICKS), max_size=25), since=_TICKS, lasts=_TICKS)
@settings(deadline=None)
def test_whose_turn_comes_while_the_service_is_given_up_is_kept_away(
    slots: int, visits: list[tuple[int, int]], since: int, lasts: int
) -> None:
    """That moment alone decides: those who only waited or were sent meanwhile are neither refused nor broken off."""
    sent: list[float] = []
    ended: list[float] = []
    kept_away: list[float] = []
    stays = iter([stay for _, stay in visits])

    async def transport(_call: Call[Any]) -> Any:
        sent.append(now())
        await asyncio.sleep(next(stays))
        ended.append(now())

    def is_tripped(_call: Call[Any]) -> bool:
        assert len(sent) - len(ended) < bulkhead.in_flight, "asked before it has a slot"
        return since <= now() < since + lasts

    async def everybody() -> None:
        send = bulkheading("user_service", bulkhead, is_tripped)(transport)

        async def visit(comes: int) -> None:
            await asyncio.sleep(comes)
            try:
                await send(call(200))
            except CircuitOpen:
                kept_away.append(now())

        await asyncio.gather(*(visit(comes) for comes, _ in visits))

    bulkhead = Bulkhead(StaticLimit(slots))
    run(everybody())
    assert not any(since <= at < since + lasts for at in sent)
    assert all(since <= at < since + lasts for at in kept_away)
    assert len(sent) + len(kept_away) == len(visits)
    assert len(sent) == len(ended)
    assert (bulkhead.in_flight, bulkhead.waiting, len(bulkhead._queue)) == (0, 0, 0)
