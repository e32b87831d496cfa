"""A memoized check: its result is kept for a moment, so that frequent callers are no load on what is checked."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from shared.deadline import Clock

T = TypeVar("T")


class Memoized(Generic[T]):
    """Runs ``check`` at most once in ``seconds``; concurrent callers share one run."""

    def __init__(self, check: Callable[[], Awaitable[T]], seconds: float, clock: Clock = time.monotonic) -> None:
        self._check = check
        self._seconds = seconds
        self._clock = clock
        self._run: asyncio.Future[T] | None = None
        self._until = 0.0

    async def __call__(self) -> T:
        """The result, not older than ``seconds``; a caller who leaves does not end the run."""
        if self._run is None or (self._run.done() and self._clock() >= self._until):
            self._run = asyncio.ensure_future(self._check())
            self._run.add_done_callback(self._remember)
        return await asyncio.shield(self._run)

    def _remember(self, run: "asyncio.Future[T]") -> None:
        failed = run.cancelled() or run.exception() is not None
        self._until = 0.0 if failed else self._clock() + self._seconds
