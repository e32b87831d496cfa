"""What is asked for often: again and again within a short while. Pure; bounded."""

from collections import Counter
from typing import Final

from shared.deadline import Clock

_TIMES: Final = 3


class Often:
    """Counts names within ``seconds``, at most ``most`` of them; then it begins anew."""

    def __init__(self, seconds: float, most: int, clock: Clock, times: int = _TIMES) -> None:
        """Often is ``times`` times."""
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._times = times
        self._counts: Counter[str] = Counter()
        self._until = 0.0

    def is_often(self, name: str) -> bool:
        """Whether this is one time of many that ``name`` is asked for."""
        now = self._clock()
        if now >= self._until or len(self._counts) >= self._most:
            self._counts.clear()
            self._until = now + self._seconds
        self._counts[name] += 1
        return self._counts[name] >= self._times
