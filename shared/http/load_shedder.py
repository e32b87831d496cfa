"""The load shedder: past a bound requests are refused, and lasting overload makes the app not ready. Pure."""

import time
from typing import Final

from shared.deadline import Clock
from shared.errors import Shed
from shared.observing import metrics

RETRY_AFTER_SECONDS: Final = 1
_LASTING_SECONDS: Final = 5.0
"""Shedding for so long, without a pause of ``_PAUSE_SECONDS``, is lasting overload."""
_PAUSE_SECONDS: Final = 1.0


class LoadShedder:
    """Admits at most ``capacity`` pieces of work at a time: ``with shedder: …``."""

    def __init__(self, capacity: int, clock: Clock = time.monotonic) -> None:
        self._capacity = capacity
        self._clock = clock
        self._first_shed = 0.0
        self._last_shed = float("-inf")
        self.in_flight = 0

    @property
    def is_half_full(self) -> bool:
        """Whether optional work (an early refresh) should wait."""
        return self.in_flight * 2 >= self._capacity

    @property
    def is_overloaded(self) -> bool:
        """Whether work has been shed for some seconds without a pause, and still is."""
        now = self._clock()
        return now - self._last_shed < _PAUSE_SECONDS and now - self._first_shed >= _LASTING_SECONDS

    def __enter__(self) -> None:
        """Begin a piece of work.

        Raises:
            Shed: there are too many.
        """
        if self.in_flight >= self._capacity:
            now = self._clock()
            if now - self._last_shed >= _PAUSE_SECONDS:
                self._first_shed = now
            self._last_shed = now
            metrics.requests_shed.inc()
            raise Shed("Too many requests are being answered at the moment.", RETRY_AFTER_SECONDS)
        self.in_flight += 1

    def __exit__(self, *_: object) -> None:
        """The piece of work is done."""
        self.in_flight -= 1
