"""When an issuer's keys are fetched, and for how long they count; pure, with an injected clock.

What fails is tried again sooner than what works, never sooner than the cooldown; with no keys at all, every second.
"""

from math import inf
from typing import Final

from shared.deadline import Clock

KEEP_SECONDS: Final = 86_400.0
"""So long a set counts from its fetch, if none comes after it."""
MISSING_SECONDS: Final = 1.0
"""Between two fetches while there are no keys."""


class KeySchedule:
    """Of one source; durations in seconds."""

    def __init__(self, interval: float, cooldown: float, clock: Clock) -> None:
        """``interval`` lies between two fetches, at least ``cooldown`` between one and another that is asked for."""
        self._interval = interval
        self._cooldown = cooldown
        self._clock = clock
        self._began = -inf
        self._good: float | None = None
        self._is_failing = False

    def began(self) -> None:
        """A fetch begins now."""
        self._began = self._clock()

    def succeeded(self) -> None:
        """It has brought keys, which count from its beginning."""
        self._good, self._is_failing = self._began, False

    def failed(self) -> bool:
        """It has brought none; tells whether those of before still count."""
        self._is_failing = True
        if self._good is not None and self._clock() - self._good >= KEEP_SECONDS:
            self._good = None
        return self._good is not None

    def pause(self) -> float:
        """Until the next fetch; 0 when it is due."""
        due = self._began + self._gap()
        if self._is_failing and self._good is not None:
            due = min(due, self._good + KEEP_SECONDS)
        return max(0.0, due - self._clock())

    def may_fetch(self) -> bool:
        """Whether one may begin now because somebody asks for it."""
        cooldown = MISSING_SECONDS if self._good is None else self._cooldown
        return self._clock() - self._began >= cooldown

    def _gap(self) -> float:
        if self._good is None:
            return MISSING_SECONDS
        return min(self._interval, self._cooldown) if self._is_failing else self._interval
