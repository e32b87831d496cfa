"""Concurrency limits: a fixed one, or one that adapts to how the service copes (AIMD). Pure."""

import time
from typing import Final

from shared.deadline import Clock

_BACK_OFF: Final = 0.9
_MIN_LIMIT: Final = 5
_MIN_INTERVAL_SECONDS: Final = 0.1


class StaticLimit:
    """Always the same number of calls that may be in flight."""

    def __init__(self, value: int) -> None:
        self.value = value

    def succeeded(self, in_flight: int) -> None:
        """A call went well, with so many in flight: nothing changes."""

    def dropped(self) -> None:
        """A call timed out, or the service said that it is too much: nothing changes."""


class AimdLimit:
    """Additive increase, multiplicative decrease (Chiu and Jain; Netflix's concurrency-limits), up to ``maximum``.

    It grows by one for each round of calls that go well while it is used by half, and shrinks by a tenth when one is
    dropped, at most once in a tenth of a second: calls that are dropped together say one thing.
    """

    def __init__(self, maximum: int, clock: Clock = time.monotonic) -> None:
        self._maximum = maximum
        self._clock = clock
        self._exact = float(maximum)
        self._not_before = 0.0

    @property
    def value(self) -> int:
        """The number now."""
        return int(self._exact)

    def succeeded(self, in_flight: int) -> None:
        """Grow a little if the limit is made use of."""
        if in_flight * 2 >= self._exact:
            self._exact = min(self._maximum, self._exact + 1 / self._exact)

    def dropped(self) -> None:
        """Shrink."""
        now = self._clock()
        if now >= self._not_before:
            self._not_before = now + _MIN_INTERVAL_SECONDS
            self._exact = max(min(_MIN_LIMIT, self._maximum), self._exact * _BACK_OFF)


Limit = StaticLimit | AimdLimit
"""The number of calls that may be in flight."""
