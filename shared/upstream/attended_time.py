"""Attended time: how long something took, without the time in which the event loop stood still.

When this process is held up (a collection of garbage, much to encode, a machine that stands still), all that is in
flight looks slow at once, and whoever happened to be asked just then would be avoided for it.
"""

import asyncio
from contextvars import Context
from math import inf
from typing import Final

from shared.deadline import Clock

_LOOK_SECONDS: Final = 0.005
"""Between two looks at the clock, while anything is measured."""
_LATE_SECONDS: Final = 0.002
"""A look that is later shows that the loop stood still."""


class AttendedTime:
    """Measures what goes on in one loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lost = 0.0
        self._due = inf
        self._measured = 0

    def begin(self) -> float:
        """Something begins; what is returned is for :meth:`end`."""
        self._measured += 1
        began = self._now()
        if self._due == inf:
            self._look_later()
        return began

    def end(self, began: float) -> float:
        """It has ended; tells how many seconds it took."""
        self._measured -= 1
        return max(0.0, self._now() - began)

    def _now(self) -> float:
        now = self._clock()
        if now - self._due > _LATE_SECONDS:
            self._lost += now - self._due
            self._due = now
        return now - self._lost

    def _look_later(self) -> None:
        self._due = self._clock() + _LOOK_SECONDS
        asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look, context=Context())

    def _look(self) -> None:
        self._now()
        self._due = inf
        if self._measured:
            self._look_later()
