"""Calls for several ids at once: an id that a call under way has asked for already is not asked for again."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from typing import Any, Generic, TypeVar

from shared.cache.flights import Flights
from shared.deadline import Deadline
from shared.errors import AttemptTimeout, UpstreamError

R = TypeVar("R")

Call = Callable[[Sequence[str], Deadline], Coroutine[Any, Any, R]]
"""Asks for these ids before the deadline, or raises ``UpstreamError``."""


class Batches(Generic[R]):
    """Calls under way, by the ids they ask for."""

    def __init__(self, call: Call[R], *, most: int, patience: float) -> None:
        """At most ``most`` ids go into a call. It has ``patience`` seconds, even if who began it has less left."""
        self._call = call
        self._most = most
        self._patience = patience
        self._flights: Flights[R] = Flights()
        self._flight_of: dict[str, str] = {}
        self._numbers = count()

    def has(self, one: str) -> bool:
        """Whether a call under way has asked for ``one``."""
        return self._flight_of.get(one, "") in self._flights

    async def get(self, join: Sequence[str], ask: Sequence[str], deadline: Deadline) -> list[R | UpstreamError]:
        """What the calls give that ``join`` is part of, and new ones for ``ask``; errors of services in their place."""
        seats = [self._flights.seat(number, _begun) for number in {self._flight_of[one] for one in join}]
        starts = range(0, len(ask), self._most)
        seats.extend(self._begin(ask[start : start + self._most], deadline) for start in starts)
        try:
            async with asyncio.timeout(max(0.0, deadline.left())):
                return [_result(done) for done in await asyncio.gather(*seats, return_exceptions=True)]
        except TimeoutError:
            return [AttemptTimeout("no answer before the deadline")]

    def _begin(self, ids: Sequence[str], deadline: Deadline) -> "asyncio.Future[R]":
        number = str(next(self._numbers))
        self._flight_of |= dict.fromkeys(ids, number)
        return self._flights.seat(number, lambda: self._carry_out(ids, deadline))

    async def _carry_out(self, ids: Sequence[str], deadline: Deadline) -> R:
        later = deadline.clock() + self._patience
        try:
            return await self._call(ids, Deadline(max(deadline.at, later), deadline.clock))
        finally:
            for one in ids:
                self._flight_of.pop(one, None)


def _result(done: R | BaseException) -> R | UpstreamError:
    """What a call gave, or the error of its service; raises any other."""
    if isinstance(done, BaseException) and not isinstance(done, UpstreamError):
        raise done
    return done


async def _begun() -> Any:
    raise AssertionError("a call that is joined is under way")
