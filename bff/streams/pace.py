"""When an aggregate is looked into: the first change after a quiet second at once, then once a second. Pure."""

import enum
from typing import Final

MIN_SECONDS: Final = 1.0
"""Between two updates of one aggregate."""
_FIRST_RETRY: Final = 1.0
_LONGEST_RETRY: Final = 30.0


class Need(enum.IntEnum):
    """What is to be done about it."""

    NOTHING = 0
    LOOK = 1
    """See what the cache has."""
    LOAD = 2
    """What is known is not current any more: ask whoever knows."""


class Pace:
    """Decides for one aggregate; instants are of any monotonic clock."""

    __slots__ = ("_last", "_retry", "busy", "need")

    def __init__(self) -> None:
        self._last = float("-inf")
        self._retry = 0.0
        self.busy = False
        self.need = Need.NOTHING

    def ask(self, need: Need) -> None:
        """Something may have changed."""
        self.need = max(self.need, need)

    def wait(self, now: float) -> float | None:
        """Seconds until it is time to do what there is need of; None if there is none, or it is being done."""
        if self.busy or self.need is Need.NOTHING:
            return None
        return max(0.0, self._last + MIN_SECONDS - now)

    def begin(self) -> None:
        """It is going to be done, together with whatever there is need of until that is taken."""
        self.busy = True

    def take(self) -> Need:
        """What is to be done now."""
        need, self.need = self.need, Need.NOTHING
        return need

    def end(self, now: float, done: Need, *, told: bool, whole: bool) -> float | None:
        """What there was need of is ``done``: whether clients were ``told`` of anything, and whether all is well now.

        Returns in how many seconds to try again, where it is not.
        """
        self.busy = False
        if done is Need.LOOK is self.need:
            self.need = Need.NOTHING  # to look is to put what Redis has into memory, of which the cache tells
        if told:
            self._last = now
        if whole:
            self._retry = 0.0
            return None
        return self.retry()

    def retry(self) -> float:
        """In how many seconds to try again; longer each time."""
        self._retry = min(_LONGEST_RETRY, self._retry * 2 or _FIRST_RETRY)
        return self._retry
