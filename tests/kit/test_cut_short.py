"""Whoever joins a load that the deadline of its beginner cuts short tries once more, within its own."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from shared.cache.build import build_cache
from shared.cache.cache import Value
from shared.cache.keys import Keys
from shared.cache.loader import Loading, LoadResult, Outcome
from shared.cache.read_through import ReadThrough
from shared.deadline import Deadline, since_boot
from shared.errors import AttemptTimeout
from tests.fixtures.jumping_loop import now, run
from tests.kit.caches import KINDS

KEY = Keys("bff", KINDS).entry("profile", "user1")


class Service:
    """Loads take so many seconds each, in turn, the last one for ever; ``late`` is raised when time is over before."""

    def __init__(self, *takes: float, late: Exception | None = None, gives: Exception | str = "complete") -> None:
        self.takes = takes
        self.late = late
        self.gives = gives
        self.asked: list[float] = []

    async def load(self, loading: Loading) -> LoadResult[str]:
        """One load, which gives ``gives``, or part of it when its time is over before."""
        takes = self.takes[min(len(self.asked), len(self.takes) - 1)]
        self.asked.append(now())
        try:
            async with asyncio.timeout(max(0.0, loading.deadline.left())):
                await asyncio.sleep(takes)
        except TimeoutError:
            if self.late is not None:
                raise self.late from None
            return LoadResult("partial", [], cut_short=True)
        if isinstance(self.gives, Exception):
            raise self.gives
        return LoadResult(self.gives, [Value(KEY, self.gives.encode(), since_boot(), 30.0)])


class Asking:
    """A cache in memory in front of a service, on the loop that never waits."""

    def __init__(self, service: Service, through: ReadThrough[str]) -> None:
        self.service = service
        self.through = through

    async def ask(self, at: float, seconds: float) -> Outcome[str]:
        """What who comes ``at`` this instant with so much time is given, which is not later than that."""
        await asyncio.sleep(at - now())
        deadline = Deadline.after(seconds, asyncio.get_running_loop().time)
        try:
            return await self.through.get(KEY, deadline, self.service.load)
        finally:
            assert now() <= deadline.at + 1e-6


def _run(service: Service, main: Callable[[Asking], Coroutine[Any, Any, None]]) -> None:
    async def within() -> None:
        cache = build_cache("", 10, kinds=KINDS, longest_life=600, clock=asyncio.get_running_loop().time)
        async with cache, ReadThrough[str](cache, 2.0) as through:
            await main(Asking(service, through))

    run(within())


@pytest.mark.parametrize("late", [None, AttemptTimeout("too slow"), TimeoutError()], ids=repr)
def test_a_joiner_does_not_end_with_its_leader(late: Exception | None) -> None:
    """The leader's time is over and it gets what there is; one load more serves all who have time left."""

    async def main(asking: Asking) -> None:
        leader, *joiners = await asyncio.gather(
            *(asking.ask(at, 1.0) for at in (0.0, 0.5, 0.6, 0.9)), return_exceptions=True
        )
        if isinstance(leader, Outcome):
            assert (leader.loaded, leader.joined) == ("partial", False)
        else:
            assert leader is late
        assert [one.loaded for one in joiners if isinstance(one, Outcome)] == ["complete"] * 3
        assert asking.service.asked == [0.0, 1.0]

    _run(Service(100.0, 0.4, late=late), main)


def test_it_is_tried_once_more_and_no_oftener() -> None:
    """A service that never answers is asked twice for all who joined the first load."""

    async def main(asking: Asking) -> None:
        outcomes = await asyncio.gather(*(asking.ask(number / 10, 1.0) for number in range(10)))
        assert {one.loaded for one in outcomes} == {"partial"}
        assert asking.service.asked == [0.0, 1.0]

    _run(Service(100.0), main)


def test_who_has_hardly_any_time_left_takes_what_there_is() -> None:
    """Nobody asks a service that cannot answer in time."""

    async def main(asking: Asking) -> None:
        leader, joiner = await asyncio.gather(asking.ask(0.0, 1.0), asking.ask(0.005, 1.0))
        assert (leader.loaded, joiner.loaded, joiner.joined) == ("partial", "partial", True)
        assert asking.service.asked == [0.0]

    _run(Service(100.0), main)


@pytest.mark.parametrize("gives", [AttemptTimeout("too slow"), ValueError("broken"), "partial"], ids=repr)
def test_what_comes_in_time_is_everybodys(gives: Exception | str) -> None:
    """A failure as well: it would be no other for who asks again."""

    async def main(asking: Asking) -> None:
        outcomes = await asyncio.gather(*(asking.ask(at, 1.0) for at in (0.0, 0.1, 0.2)), return_exceptions=True)
        assert [one.loaded if isinstance(one, Outcome) else one for one in outcomes] == [gives] * 3
        assert asking.service.asked == [0.0]

    _run(Service(0.5, gives=gives), main)
