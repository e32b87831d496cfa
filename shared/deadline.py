"""A deadline is an instant on the monotonic clock; a timeout is a duration cut from what is left of it."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

Clock = Callable[[], float]

since_boot: Final[Clock] = partial(time.clock_gettime, time.CLOCK_BOOTTIME)
"""Seconds since the machine was started, sleep included: the clock of ages.

Timers, and with them deadlines, know nothing of such a sleep.
"""


class Deadline(msgspec.Struct, frozen=True):
    """The instant (seconds on ``clock``) after which an answer is of no use."""

    at: float
    clock: Clock = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Clock = time.monotonic) -> "Deadline":
        """The deadline that lies ``seconds`` from now."""
        return cls(clock() + seconds, clock)

    def left(self) -> float:
        """Seconds until the deadline; negative once it has passed."""
        return self.at - self.clock()
