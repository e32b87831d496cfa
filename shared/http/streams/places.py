"""How many streams may stay open: of all clients together, and of one. Pure."""

from collections import Counter
from typing import Final

from shared.errors import Shed, TooManyRequests

_RETRY_SECONDS: Final = 5
FULL: Final = Shed("Too many streams are open at the moment.", _RETRY_SECONDS)
TOO_MANY: Final = TooManyRequests("Too many streams of one client are open.", _RETRY_SECONDS, {})


class Places:
    """Places for ``capacity`` streams, and for ``per_subject`` of one client."""

    def __init__(self, capacity: int, per_subject: int) -> None:
        self._capacity = capacity
        self._per_subject = per_subject
        self._taken: Counter[str] = Counter()
        self.taken = 0

    def take(self, subject: str) -> None:
        """Take one for ``subject``; give it back with :meth:`free`.

        Raises:
            Shed: all are taken.
            TooManyRequests: the subject has as many as it may.
        """
        if self._taken.get(subject, 0) >= self._per_subject:
            raise TooManyRequests(TOO_MANY.detail, TOO_MANY.retry_after, {})
        if self.taken >= self._capacity:
            raise Shed(FULL.detail, FULL.retry_after)
        self._taken[subject] += 1
        self.taken += 1

    def free(self, subject: str) -> None:
        """Give one back."""
        self.taken -= 1
        self._taken[subject] -= 1
        if not self._taken[subject]:
            del self._taken[subject]
