"""Which things have been seen lately; bounded, the one seen first is forgotten first. Pure."""

from shared.deadline import Clock, since_boot


class Seen:
    """Names that are remembered for ``keep`` seconds, and the latest ``limit`` of them."""

    def __init__(self, keep: float, limit: int, clock: Clock = since_boot) -> None:
        self._keep = keep
        self._limit = limit
        self._clock = clock
        self._until: dict[str, float] = {}

    def __contains__(self, name: str) -> bool:
        """Whether it has been seen."""
        return self._until.get(name, self._clock()) > self._clock()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._until)

    def add(self, name: str) -> None:
        """It has been seen now."""
        now = self._clock()
        self._until.pop(name, None)
        self._until[name] = now + self._keep
        while True:
            first = next(iter(self._until))
            if self._until[first] > now and len(self._until) <= self._limit:
                return
            del self._until[first]
