"""A throttle on failing loads: for a short while the failure itself is the answer."""

from collections import OrderedDict
from typing import Generic, TypeVar

from shared.deadline import Clock, since_boot

R = TypeVar("R")


class Throttle(Generic[R]):
    """Remembers for ``seconds`` by key why a load failed; bounded, the oldest failure goes first."""

    def __init__(self, seconds: float, capacity: int, clock: Clock = since_boot) -> None:
        self._seconds = seconds
        self._capacity = capacity
        self._clock = clock
        self._failures: OrderedDict[str, tuple[float, R]] = OrderedDict()

    def __len__(self) -> int:
        """How many failures are remembered."""
        return len(self._failures)

    def failed(self, key: str, reason: R) -> None:
        """Remember that the load of ``key`` failed just now."""
        self._failures[key] = (self._clock() + self._seconds, reason)
        self._failures.move_to_end(key)
        while len(self._failures) > self._capacity:
            self._failures.popitem(last=False)

    def reason(self, key: str) -> R | None:
        """Why ``key`` is not to be loaded now; None when it may be."""
        failure = self._failures.get(key)
        if failure is None:
            return None
        if self._clock() < failure[0]:
            return failure[1]
        del self._failures[key]
        return None
