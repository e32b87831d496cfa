"""Throttles a library's log records about something that keeps failing."""

import logging
import time
from typing import Final

from shared.deadline import Clock
from shared.observing.logs import log

_PAUSE_SECONDS: Final = 60.0


class ThrottledLogging(logging.Handler):
    """Passes one record a minute on, with the number of those that it has kept to itself before."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._next = float("-inf")
        self._suppressed = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Log ``record``, or count it."""
        now = self._clock()
        if now < self._next:
            self._suppressed += 1
            return
        self._next = now + _PAUSE_SECONDS
        suppressed, self._suppressed = self._suppressed, 0
        log("warning", "spans are being lost", "telemetry", message=record.getMessage(), suppressed=suppressed)
