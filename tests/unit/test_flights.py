"""Coalescing in one process."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.cache.flights import Flights


class Load:
    """A load that ends when a test says so."""

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        """The number of this load."""
        self.started += 1
        number = self.started
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return number


@pytest.fixture
async def flights(loop: object) -> AsyncIterator[Flights[int]]:
    """Flights, ended after the test."""
    async with Flights[int]() as made:
        yield made


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_callers_share_one_load(flights: Flights[int]) -> None:
    """The first begins it, the others join; the next one after its end begins another."""
    load = Load()
    callers = [asyncio.ensure_future(flights.share("a", load)) for _ in range(100)]
    await _settled()
    load.gate.set()
    assert sorted(joined for _, joined in await asyncio.gather(*callers)) == [False] + [True] * 99
    assert (load.started, len(flights)) == (1, 0)
    assert await flights.share("a", load) == (2, False)


async def test_a_failure_is_everybodys_and_nobody_elses(flights: Flights[int]) -> None:
    """All who waited get it; whoever comes later tries anew."""
    load = Load()
    load.error = ValueError("broken")
    callers = [asyncio.ensure_future(flights.share("a", load)) for _ in range(3)]
    await _settled()
    load.gate.set()
    results: list[Any] = await asyncio.gather(*callers, return_exceptions=True)
    assert [str(result) for result in results] == ["broken"] * 3
    load.error = None
    assert await flights.share("a", load) == (2, False)


async def test_a_caller_who_leaves_cancels_nobody_and_the_last_one_the_load(flights: Flights[int]) -> None:
    """Whether the first leaves or another: the load goes on while anybody waits."""
    load = Load()
    first, second = (asyncio.ensure_future(flights.share("a", load)) for _ in range(2))
    await _settled()
    first.cancel()
    await _settled()
    assert load.cancelled == 0
    second.cancel()
    await _settled()
    assert (load.cancelled, len(flights)) == (1, 0)
    load.gate.set()
    assert await flights.share("a", load) == (2, False)


async def test_a_load_that_is_parted_is_joined_by_nobody(flights: Flights[int]) -> None:
    """Who waits still gets its result; who comes now begins another one."""
    load = Load()
    before = asyncio.ensure_future(flights.share("a", load))
    await _settled()
    flights.detach("a")
    after = asyncio.ensure_future(flights.share("a", load))
    await _settled()
    load.gate.set()
    assert (await before, await after) == ((1, False), (2, False))


async def test_a_load_in_the_background_waits_for_nobody_and_may_be_joined(flights: Flights[int]) -> None:
    """A caller who joins it and leaves does not cancel it; a second one in the background is not begun."""
    load = Load()
    flights.start_in_background("a", load)
    flights.start_in_background("a", load)
    caller = asyncio.ensure_future(flights.share("a", load))
    await _settled()
    caller.cancel()
    await _settled()
    assert (load.started, load.cancelled) == (1, 0)
    joining = asyncio.ensure_future(flights.share("a", load))
    await _settled()
    load.gate.set()
    assert await joining == (1, True)


async def test_the_end_cancels_what_is_under_way(loop: object) -> None:
    """Background loads and parted ones included."""
    load = Load()
    async with Flights[int]() as flights:
        flights.start_in_background("a", load)
        flights.start_in_background("b", load)
        await _settled()
        flights.detach("b")
    assert load.cancelled == 2
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_seat_may_be_left_before_it_is_awaited(flights: Flights[int]) -> None:
    """Whoever is cancelled while it takes several seats leaves all of them; only who else waits keeps a load going."""
    seats = [flights.join("a", Load()), flights.join("b", shared := Load())]
    other = asyncio.ensure_future(flights.share("b", shared))
    waiting = asyncio.gather(*seats)
    waiting.cancel()  # before any of them has had a turn
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await _settled()
    assert ("a" in flights, "b" in flights, shared.cancelled) == (False, True, 0)
    shared.gate.set()
    assert await other == (1, True)


@pytest.mark.parametrize("result", ["value", KeyError("broken")])
async def test_a_load_that_is_over_is_joined_by_nobody(loop: object, result: str | Exception) -> None:
    """Not even in the moment before the loop tells of its end: who comes then begins another, and the loop turns."""
    flights: Flights[str] = Flights()
    found: list[bool] = []
    late: list[asyncio.Future[str]] = []

    async def other() -> str:
        return "another"

    def arrive() -> None:
        found.append("key" in flights)
        late.append(flights.join("key", other))

    async def load() -> str:
        asyncio.get_running_loop().call_soon(arrive)
        if isinstance(result, Exception):
            raise result
        return result

    (first,) = await asyncio.gather(flights.join("key", load), return_exceptions=True)
    assert first == result
    assert found == [False]
    assert await late[0] == "another"
    assert len(flights) == 0
