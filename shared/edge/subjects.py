"""The subjects of one rate limit, each with its bucket, as many as there is room for. Pure."""

from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

from shared.edge.bucket import Ask, Bucket
from shared.edge.terms import Terms

CAPACITY: Final = 100_000
_SWEPT: Final = 2


class Subjects:
    """Buckets by subject; nobody has two.

    Kept are those that somebody holds, and those in which something was spent in the current window: ``capacity`` of
    these at most, of which the first go first.
    """

    def __init__(self, terms: Terms, ask: Callable[[Bucket, Ask], bool], capacity: int = CAPACITY) -> None:
        """``ask`` is that of the buckets."""
        self._terms = terms
        self._ask = ask
        self._capacity = capacity
        self._known: WeakValueDictionary[str, Bucket] = WeakValueDictionary()
        self._kept: dict[Bucket, None] = {}

    def __len__(self) -> int:
        """How many have spent something, that are not forgotten yet."""
        return len(self._kept)

    def bucket(self, subject: str) -> Bucket:
        """The bucket of ``subject``; it may be held for as long as one likes."""
        bucket = self._known.get(subject)
        if bucket is None:
            bucket = self._known[subject] = Bucket(subject, self._terms, self._ask, self._keep)
        return bucket

    def _keep(self, bucket: Bucket) -> None:
        """A window has begun for ``bucket``: it comes last, and of those that came first a few may go."""
        kept = self._kept
        kept.pop(bucket, None)
        kept[bucket] = None
        for _ in range(_SWEPT):
            oldest = next(iter(kept))
            if oldest.ends >= bucket.ends and len(kept) <= self._capacity:
                break
            del kept[oldest]
        self._terms.subjects.set(len(kept))
