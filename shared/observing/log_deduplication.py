"""Log deduplication: the same error is logged a few times a minute, with how often it was suppressed. Pure."""

import time
from collections import OrderedDict
from typing import Final

from shared.deadline import Clock

_WINDOW_SECONDS: Final = 60.0
_MAX_PER_WINDOW: Final = 5
_MAX_FINGERPRINTS: Final = 1_000


class LogDeduplication:
    """Counts errors by fingerprint; bounded, the one not seen for longest is forgotten first."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._windows: OrderedDict[str, tuple[float, int, int]] = OrderedDict()  # start, logged, suppressed

    def suppressed(self, fingerprint: str) -> int | None:
        """Whether to log this error: None for no, else how many like it were suppressed since the last one."""
        now = self._clock()
        started, logged, suppressed = self._windows.pop(fingerprint, (now, 0, 0))
        if now - started >= _WINDOW_SECONDS:
            started, logged = now, 0
        answer = None if logged >= _MAX_PER_WINDOW else suppressed
        self._windows[fingerprint] = (started, logged, suppressed + 1) if answer is None else (started, logged + 1, 0)
        if len(self._windows) > _MAX_FINGERPRINTS:
            self._windows.popitem(last=False)
        return answer
