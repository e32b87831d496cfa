"""Batch calls in flight: an id that one of them has asked for is joined, not asked for again."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from itertools import count
from typing import Any, Final, Generic, TypeVar

from shared.cache.flights import Flights
from shared.deadline import Deadline
from shared.errors import AttemptTimeout, UpstreamError

R = TypeVar("R")

_UNLIMITED: Final = nullcontext()
_REQUESTS_PER_CALL: Final = 2
"""Requests that a call may make at once, when it is refused."""


class Terms(Deadline, frozen=True, kw_only=True):
    """The terms of a call that others may join.

    Attributes:
        wanted_until: the instant until which somebody waits for it, as of now.
        slots: to be entered for each request: so many at once for whoever began the call and others with it.
    """

    wanted_until: Callable[[], float]
    slots: AbstractAsyncContextManager[None]


Call = Callable[[Sequence[str], Terms], Coroutine[Any, Any, R]]
"""Asks for these ids on these terms, or raises ``UpstreamError``."""


class _InFlight:
    """A call in flight, with its waiters and their deadlines."""

    __slots__ = ("has_started", "number", "waiting")

    def __init__(self, number: str) -> None:
        self.number = number
        self.has_started = False
        self.waiting: list[tuple[asyncio.Future[Any], float]] = []

    def wanted_until(self) -> float:
        return max((until for waiter, until in self.waiting if not waiter.done()), default=0.0)


class Batches(Generic[R]):
    """Calls under way, by the ids they ask for."""

    def __init__(self, call: Call[R], *, max_ids: int, call_timeout: float, max_requests: int = 100) -> None:
        """At most ``max_ids`` ids go into a call, which has ``call_timeout`` seconds even if its first caller has less.

        A caller whose ids make several calls has ``max_requests`` slots for them.
        """
        self._call = call
        self._max_ids = max_ids
        self._call_timeout = call_timeout
        self._max_requests = max_requests
        self._flights: Flights[R] = Flights()
        self._call_of: dict[str, _InFlight] = {}
        self._numbers = count()

    def __len__(self) -> int:
        """How many ids are in flight."""
        return len(self._call_of)

    def has(self, item_id: str) -> bool:
        """Whether a call in flight has asked for ``item_id``."""
        call = self._call_of.get(item_id)
        return call is not None and call.number in self._flights

    def detach(self, ids: Iterable[str]) -> None:
        """Let no later caller join the calls for these ids; those who wait already still get their results."""
        for item_id in ids:
            self._call_of.pop(item_id, None)

    async def get(
        self, join: Iterable[str], ask: Sequence[str], deadline: Deadline, apart: Sequence[str] = ()
    ) -> list[R | UpstreamError]:
        """What the calls give that ``join`` is part of, and new ones for ``ask``; errors of services in their place.

        Ids that go into no call with others are ``apart``. What has not come before the deadline is one more error.
        """
        waiters = [self._join(call, _must_be_joined, deadline) for call in {self._call_of[item_id] for item_id in join}]
        batches = [ids[at : at + self._max_ids] for ids in (ask, apart) for at in range(0, len(ids), self._max_ids)]
        slots = (
            _UNLIMITED
            if _REQUESTS_PER_CALL * len(batches) <= self._max_requests
            else asyncio.Semaphore(self._max_requests)
        )
        started = [(_InFlight(str(next(self._numbers))), batch) for batch in batches]
        waiters.extend(self._start(call, batch, slots, deadline) for call, batch in started)
        try:
            async with asyncio.timeout(max(0.0, deadline.left())):
                for waiter in waiters:
                    with suppress(UpstreamError):
                        await waiter
        except TimeoutError:
            results = [_result(waiter) for waiter in waiters if waiter.done() and not waiter.cancelled()]
            return [*results, AttemptTimeout("no answer before the deadline")]
        finally:
            for waiter in waiters:
                if not waiter.cancel() and not waiter.cancelled():
                    waiter.exception()  # so that nobody complains of one that is not asked for
            for call, batch in started:
                if not call.has_started:
                    self._forget(call, batch)
        return [_result(waiter) for waiter in waiters]

    def _start(
        self, call: _InFlight, ids: Sequence[str], slots: AbstractAsyncContextManager[None], deadline: Deadline
    ) -> "asyncio.Future[R]":
        self._call_of |= dict.fromkeys(ids, call)
        latest = max(deadline.at, deadline.clock() + self._call_timeout)
        terms = Terms(latest, deadline.clock, wanted_until=call.wanted_until, slots=slots)
        return self._join(call, lambda: self._run(call, ids, terms), deadline)

    def _join(
        self, call: _InFlight, load: Callable[[], Coroutine[Any, Any, R]], deadline: Deadline
    ) -> "asyncio.Future[R]":
        waiter = self._flights.join(call.number, load)
        call.waiting.append((waiter, deadline.at))
        return waiter

    async def _run(self, call: _InFlight, ids: Sequence[str], terms: Terms) -> R:
        call.has_started = True
        try:
            return await self._call(ids, terms)
        finally:
            self._forget(call, ids)

    def _forget(self, call: _InFlight, ids: Sequence[str]) -> None:
        for item_id in ids:
            if self._call_of.get(item_id) is call:
                del self._call_of[item_id]


def _result(waiter: "asyncio.Future[Any]") -> Any:
    """What a call gave, or the error of its service; raises any other."""
    error = waiter.exception()
    if error is None:
        return waiter.result()
    if isinstance(error, UpstreamError):
        return error
    raise error


async def _must_be_joined() -> Any:
    raise AssertionError("a call that is joined is under way")
