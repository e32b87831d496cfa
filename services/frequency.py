"""Which names are asked for frequently: several times within a short while. Pure; bounded."""

from collections import Counter
from typing import Final

from shared.deadline import Clock

_TIMES: Final = 3


class Frequency:
    """Counts names within ``seconds``, at most ``capacity`` of them; then it starts again."""

    def __init__(self, seconds: float, capacity: int, clock: Clock, times: int = _TIMES) -> None:
        """A name counts as frequent from the time number ``times`` on."""
        self._seconds = seconds
        self._capacity = capacity
        self._clock = clock
        self._times = times
        self._counts: Counter[str] = Counter()
        self._until = 0.0

    def is_frequent(self, name: str) -> bool:
        """Whether this is one time of many that ``name`` is asked for."""
        now = self._clock()
        if now >= self._until or len(self._counts) >= self._capacity:
            self._counts.clear()
            self._until = now + self._seconds
        self._counts[name] += 1
        return self._counts[name] >= self._times
