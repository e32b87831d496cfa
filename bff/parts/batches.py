"""Calls for several ids at once: an id that a call under way has asked for already is not asked for again."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from itertools import count
from typing import Any, Final, Generic, TypeVar

from shared.cache.flights import Flights
from shared.deadline import Deadline
from shared.errors import AttemptTimeout, UpstreamError

R = TypeVar("R")

_PLENTY: Final = 1_000_000


class Terms(Deadline, frozen=True, kw_only=True):
    """What a call that others may join is given.

    Attributes:
        wanted_until: the instant until which somebody waits for it, as of now.
        slots: to be held during each request: so many at once for whoever began the call and others with it.
    """

    wanted_until: Callable[[], float]
    slots: asyncio.Semaphore


Call = Callable[[Sequence[str], Terms], Coroutine[Any, Any, R]]
"""Asks for these ids on these terms, or raises ``UpstreamError``."""


class _UnderWay:
    """A call that has begun: what it asks for, and who waits for it until when."""

    __slots__ = ("ids", "number", "waiting")

    def __init__(self, number: str, ids: Sequence[str]) -> None:
        self.number = number
        self.ids = ids
        self.waiting: dict[asyncio.Future[Any], float] = {}

    def wanted_until(self) -> float:
        return max(self.waiting.values(), default=0.0)


class Batches(Generic[R]):
    """Calls under way, by the ids they ask for."""

    def __init__(self, call: Call[R], *, most: int, patience: float, at_once: int = _PLENTY) -> None:
        """At most ``most`` ids go into a call. It has ``patience`` seconds, even if who began it has less left.

        Whoever asks for so many ids that they are several calls has ``at_once`` slots for them.
        """
        self._call = call
        self._most = most
        self._patience = patience
        self._at_once = at_once
        self._flights: Flights[R] = Flights()
        self._call_of: dict[str, _UnderWay] = {}
        self._numbers = count()

    def __len__(self) -> int:
        """How many ids are being asked for."""
        return len(self._call_of)

    def has(self, one: str) -> bool:
        """Whether a call under way has asked for ``one``."""
        call = self._call_of.get(one)
        return call is not None and call.number in self._flights

    async def get(
        self, join: Iterable[str], ask: Sequence[str], deadline: Deadline, apart: Sequence[str] = ()
    ) -> list[R | UpstreamError]:
        """What the calls give that ``join`` is part of, and new ones for ``ask``; errors of services in their place.

        Ids that go into no call with others are ``apart``. What has not come before the deadline is one more error.
        """
        slots = asyncio.Semaphore(self._at_once)
        seats = [self._join(call, _begun, deadline) for call in {self._call_of[one] for one in join}]
        for ids in (ask, apart):
            starts = range(0, len(ids), self._most)
            seats.extend(self._begin(ids[start : start + self._most], slots, deadline) for start in starts)
        try:
            pending = (await asyncio.wait(seats, timeout=max(0.0, deadline.left())))[1] if seats else ()
            results: list[R | UpstreamError] = [_result(seat) for seat in seats if seat not in pending]
        finally:
            _leave(seats)
        return [*results, AttemptTimeout("no answer before the deadline")] if pending else results

    def _begin(self, ids: Sequence[str], slots: asyncio.Semaphore, deadline: Deadline) -> "asyncio.Future[R]":
        call = _UnderWay(str(next(self._numbers)), ids)
        self._call_of |= dict.fromkeys(ids, call)
        latest = max(deadline.at, deadline.clock() + self._patience)
        terms = Terms(latest, deadline.clock, wanted_until=call.wanted_until, slots=slots)
        return self._join(call, lambda: self._call(ids, terms), deadline)

    def _join(
        self, call: _UnderWay, load: Callable[[], Coroutine[Any, Any, R]], deadline: Deadline
    ) -> "asyncio.Future[R]":
        seat = self._flights.seat(call.number, load)
        call.waiting[seat] = deadline.at
        seat.add_done_callback(partial(self._left, call))
        return seat

    def _left(self, call: _UnderWay, seat: "asyncio.Future[R]") -> None:
        del call.waiting[seat]
        if call.number not in self._flights:
            for one in call.ids:
                if self._call_of.get(one) is call:
                    del self._call_of[one]


def _leave(seats: Iterable["asyncio.Future[Any]"]) -> None:
    """Wait no longer, and take notice of errors that nobody will ask for."""
    for seat in seats:
        if not seat.cancel() and not seat.cancelled():
            seat.exception()


def _result(seat: "asyncio.Future[Any]") -> Any:
    """What a call gave, or the error of its service; raises any other."""
    try:
        return seat.result()
    except UpstreamError as error:
        return error


async def _begun() -> Any:
    raise AssertionError("a call that is joined is under way")
