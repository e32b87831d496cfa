"""Time limits of many pieces of work, kept by one timer of the event loop.

``asyncio.timeout`` arms a timer for each, and disarms it nearly always. Here one is armed for the earliest limit; when
it goes off, it is armed for the earliest of those that are still running.
"""

import asyncio
from types import TracebackType
from typing import Any, Final

_RESOLUTION_SECONDS: Final = 0.001
"""Event loops count in whole milliseconds: a timer may go off so much too early."""


class TimeLimits:
    """The limits that are running in one event loop."""

    def __init__(self) -> None:
        self.running: dict[TimeLimit, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.armed_for = float("inf")

    def limit(self, seconds: float) -> "TimeLimit":
        """A ``with`` whose block, in a task, is ended by ``TimeoutError`` after ``seconds``."""
        return TimeLimit(self, seconds)

    def arm(self, instant: float, loop: asyncio.AbstractEventLoop) -> None:
        """Look at that ``instant`` what is overdue."""
        if self._timer is not None:
            self._timer.cancel()
        self.armed_for = instant
        self._timer = loop.call_at(instant, self._end_overdue, loop)

    def _end_overdue(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, self.armed_for = None, float("inf")
        now = loop.time() + _RESOLUTION_SECONDS
        for limit in [limit for limit in self.running if limit.at <= now]:
            limit.end()
        if self.running:
            self.arm(min(limit.at for limit in self.running), loop)


class TimeLimit:
    """One piece of work.

    Attributes:
        at: the instant, on the loop's clock, at which it is ended.
    """

    __slots__ = ("_cancelling", "_is_over", "_limits", "_seconds", "_task", "at")

    def __init__(self, limits: TimeLimits, seconds: float) -> None:
        self._limits = limits
        self._seconds = seconds
        self._is_over = False

    def __enter__(self) -> None:
        """Begin; the current task does the work."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit is one of a task")
        self._task: asyncio.Task[Any] = task
        self._cancelling = task.cancelling()
        loop = task.get_loop()
        self.at = loop.time() + self._seconds
        limits = self._limits
        limits.running[self] = None
        if self.at < limits.armed_for:
            limits.arm(self.at, loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """End; that it was ended by the limit is a ``TimeoutError``, unless somebody else wants the task to end too."""
        if not self._is_over:
            del self._limits.running[self]
        elif self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def end(self) -> None:
        """The time is over."""
        self._is_over = True
        del self._limits.running[self]
        self._task.cancel()
