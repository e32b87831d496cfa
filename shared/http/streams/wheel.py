"""A timing wheel: one timer for any number of things, each due at a second of its own. Pure; the clock is passed in."""

import math
from typing import Generic, TypeVar

T = TypeVar("T")


class Wheel(Generic[T]):
    """Things by the second in which they are due; a thing is on it once at most."""

    def __init__(self, now: float) -> None:
        self._second = math.floor(now)
        self._due: dict[int, dict[T, None]] = {}
        self._seconds: dict[T, int] = {}

    def __len__(self) -> int:
        """How many things are on it."""
        return len(self._seconds)

    def put(self, thing: T, at: float) -> None:
        """Let ``thing`` be due in the first whole second that is not before ``at``, and at no other time."""
        self.remove(thing)
        second = max(self._second + 1, math.ceil(at))
        self._seconds[thing] = second
        self._due.setdefault(second, {})[thing] = None

    def remove(self, thing: T) -> None:
        """Take ``thing`` off, if it is on."""
        second = self._seconds.pop(thing, None)
        if second is not None:
            things = self._due[second]
            del things[thing]
            if not things:
                del self._due[second]

    def turn(self, now: float) -> list[T]:
        """Take off what is due ``now``, the earliest first."""
        self._second = max(self._second, math.floor(now))
        passed = sorted(second for second in self._due if second <= self._second)
        due = [thing for second in passed for thing in self._due.pop(second)]
        for thing in due:
            del self._seconds[thing]
        return due
