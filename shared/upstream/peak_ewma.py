"""How long answers take lately: a peak counts at once, and is forgotten with time. Pure.

Peak EWMA as in Finagle (``com.twitter.finagle.loadbalancer.PeakEwma``): of an instance that is not asked the estimate
falls towards nothing, so that one that was slow is tried again.
"""

from math import exp
from typing import Final

DECAY_SECONDS: Final = 10.0
"""After which something seen counts for 1/e."""


class PeakEwma:
    """An exponentially weighted moving average, by time, that no peak passes unseen."""

    __slots__ = ("_at", "_seconds")

    def __init__(self) -> None:
        self._seconds: float | None = None
        self._at = 0.0

    def value(self, now: float) -> float | None:
        """Seconds; None when nothing has been seen."""
        return None if self._seconds is None else self._seconds * exp((self._at - now) / DECAY_SECONDS)

    def observe(self, seconds: float, now: float) -> None:
        """An answer took so long."""
        if self._seconds is not None and seconds < self._seconds:
            weight = exp((self._at - now) / DECAY_SECONDS)
            seconds += (self._seconds - seconds) * weight
        self._seconds, self._at = seconds, now
