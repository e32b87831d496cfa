"""Coalescing in one process (single flight): who asks for a key that is being loaded joins that load.

A caller who leaves cancels nobody; the last one to leave cancels the load. Pure asyncio; it knows no cache.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from shared.cache.progress import Progress
from shared.cancellation import cancel_and_wait
from shared.errors import KitError
from shared.observing.logs import log_error

T = TypeVar("T")
Load = Callable[[], Coroutine[Any, Any, T]]


class _Flight(Generic[T]):
    __slots__ = ("background", "progress", "task", "waiters", "waiting")

    def __init__(self, task: "asyncio.Task[T]", progress: Progress | None, *, background: bool) -> None:
        self.task = task
        self.progress = progress
        self.background = background
        self.waiting = 0
        self.waiters: list[asyncio.Future[T]] = []

    def seat(self) -> "asyncio.Future[T]":
        """Where one more waits."""
        waiter: asyncio.Future[T] = self.task.get_loop().create_future()
        self.waiting += 1
        self.waiters.append(waiter)
        return waiter


class Flights(Generic[T]):
    """Loads under way, by key; a resource of the app: what is still under way at the end is cancelled."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}
        self._tasks: set[asyncio.Task[T]] = set()

    def __len__(self) -> int:
        """How many loads are under way."""
        return len(self._tasks)

    def __contains__(self, key: str) -> bool:
        """Whether ``key`` is being loaded."""
        return self._in_flight(key) is not None

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Cancel what is under way and wait for its end."""
        await cancel_and_wait(*self._tasks)

    def share(self, key: str, load: Load[T], progress: Progress | None = None) -> Coroutine[Any, Any, tuple[T, bool]]:
        """What the load of ``key`` gives, and whether somebody else had begun it; await it, once.

        The load is joined, or begun, by the call itself. Raises whatever it raises.
        """
        under_way = self._in_flight(key)
        flight = under_way or self._start(key, load, progress, background=False)
        return self._wait(key, flight, flight.seat(), joined=under_way is not None)

    def progress(self, key: str) -> Progress | None:
        """That of the load of ``key`` that whoever came now would join, as it was given by who began it."""
        flight = self._in_flight(key)
        return None if flight is None else flight.progress

    def join(self, key: str, load: Load[T], progress: Progress | None = None) -> "asyncio.Future[T]":
        """What the load of ``key`` gives, as a future of the caller's own; who cancels it has left.

        Unlike what :meth:`share` gives it need not be awaited: whoever waits for several at once may be cancelled
        before it has begun to wait for each.
        """
        flight = self._in_flight(key) or self._start(key, load, progress, background=False)
        waiter = flight.seat()
        waiter.add_done_callback(lambda _: self._leave(key, flight))
        return waiter

    def start_in_background(self, key: str, load: Load[T], progress: Progress | None = None) -> None:
        """Start a load that nobody waits for; nothing is done when one is under way."""
        if key not in self:
            self._start(key, load, progress, background=True).task.add_done_callback(_report)

    def detach(self, key: str) -> None:
        """Let no later caller join the load of ``key``; those who wait already still get its result."""
        self._flights.pop(key, None)

    async def _wait(self, key: str, flight: _Flight[T], waiter: "asyncio.Future[T]", *, joined: bool) -> tuple[T, bool]:
        try:
            return await waiter, joined
        except asyncio.CancelledError:
            self._leave(key, flight)
            raise

    def _in_flight(self, key: str) -> _Flight[T] | None:
        # One that is over stands there until the loop tells of it. Who joined it would have its result without a turn
        # of the loop, and who does not like that and comes again would find it there for ever.
        flight = self._flights.get(key)
        return None if flight is None or flight.task.done() else flight

    def _leave(self, key: str, flight: _Flight[T]) -> None:
        flight.waiting -= 1
        if not flight.waiting and not flight.background and not flight.task.done():
            self._remove(key, flight)  # nobody may join what is being cancelled
            flight.task.cancel()

    def _start(self, key: str, load: Load[T], progress: Progress | None, *, background: bool) -> _Flight[T]:
        loop = asyncio.get_running_loop()
        task = loop.create_task(load(), context=Context()) if background else loop.create_task(load())
        flight = _Flight(task, progress, background=background)
        self._flights[key] = flight
        self._tasks.add(task)
        task.add_done_callback(partial(self._finish, key, flight))
        return flight

    def _finish(self, key: str, flight: _Flight[T], task: "asyncio.Task[T]") -> None:
        self._tasks.discard(task)
        self._remove(key, flight)
        if not flight.background and not task.cancelled():
            task.exception()  # if all who waited have left, nobody is to be told of it
        for waiter in flight.waiters:
            _resolve(task, waiter)

    def _remove(self, key: str, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


def _resolve(task: "asyncio.Task[T]", waiter: "asyncio.Future[T]") -> None:
    """Whoever sits there gets what the load has given, or how it has ended."""
    if waiter.done():
        return
    if task.cancelled():
        waiter.cancel()
    elif (error := task.exception()) is not None:
        waiter.set_exception(error)
    else:
        waiter.set_result(task.result())


def _report(task: "asyncio.Task[Any]") -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, KitError):
        log_error("background load failed", "cache", error, level="warning")
