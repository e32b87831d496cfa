"""The same error over and over is told a few times a minute, with how often it was not. Pure."""

import time
from collections import OrderedDict
from typing import Final

from shared.deadline import Clock

_WINDOW_SECONDS: Final = 60.0
_TOLD_A_WINDOW: Final = 5
_FINGERPRINTS_MOST: Final = 1_000


class LogDeduplication:
    """Counts errors by fingerprint; bounded, the one not seen for longest is forgotten first."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._windows: OrderedDict[str, tuple[float, int, int]] = OrderedDict()  # begin, told, not told

    def suppressed(self, fingerprint: str) -> int | None:
        """Whether to tell of this error: None for no, else how many like it were not told of since the last one."""
        now = self._clock()
        begun, told, silent = self._windows.pop(fingerprint, (now, 0, 0))
        if now - begun >= _WINDOW_SECONDS:
            begun, told = now, 0
        answer = None if told >= _TOLD_A_WINDOW else silent
        self._windows[fingerprint] = (begun, told, silent + 1) if answer is None else (begun, told + 1, 0)
        if len(self._windows) > _FINGERPRINTS_MOST:
            self._windows.popitem(last=False)
        return answer
