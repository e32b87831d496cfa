"""What has been told of versions, and which answers do not agree with it. Pure.

The version of a product is its price. An answer is held against what had been told before it was asked for.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

SOON_SECONDS: Final = 0.5
"""A purge has reached every connected process by then, however busy that is."""
_JUST_NOW_SECONDS: Final = 0.1


@dataclass(slots=True)
class _Purge:
    at: float
    version: int
    steady: bool


_instant = attrgetter("at")


@dataclass
class Ledger:
    """Of any number of products.

    Attributes:
        ttl: seconds; no answer may be older.
        oldest: the greatest age that an answer has had, in seconds.
        too_old: answers that were older than ``ttl``.
        returned: answers that had something again of which it had been said that it is gone.
        steady: whether every process hears of every purge at the moment.
    """

    ttl: float
    oldest: float = 0.0
    too_old: int = 0
    returned: int = 0
    steady: bool = True
    _versions: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _told: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _purges: defaultdict[str, list[_Purge]] = field(default_factory=lambda: defaultdict(list))
    _gone: defaultdict[tuple[object, str], list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))

    def changed(self, product: str, version: int, now: float) -> None:
        """It was told that the product has this version, which is greater than all before."""
        self._versions[product].append(version)
        self._told[product].append(now)

    def purged(self, product: str, now: float) -> None:
        """It was told that everything before the newest version is gone."""
        if self._versions[product]:
            self._purges[product].append(_Purge(now, self._versions[product][-1], self.steady))

    def falter(self, now: float) -> None:
        """From now on some process may not hear of a purge, nor of those that were told of just now."""
        self.steady = False
        for purges in self._purges.values():
            for purge in reversed(purges):
                if purge.at < now - _JUST_NOW_SECONDS:
                    break
                purge.steady = False

    def newest(self, product: str) -> int | None:
        """The version that was told of last."""
        versions = self._versions[product]
        return versions[-1] if versions else None

    def answered(
        self, reader: object, product: str, version: int, asked: float, now: float, *, current: bool = True
    ) -> None:
        """A reader has been shown this version, by an answer that says that it is ``current``, or that it is not."""
        versions, told = self._versions[product], self._told[product]
        following = bisect_right(versions, version)
        if current and following < len(versions) and told[following] < asked:
            age = asked - told[following]
            self.oldest = max(self.oldest, age)
            self.too_old += age > self.ttl
        gone = self._gone[reader, product]
        if version < self._least(reader, product, asked):
            self.returned += 1
        purges = self._purges[product]
        latest = bisect_left(purges, asked, key=_instant)
        if latest and version >= purges[latest - 1].version and (not gone or gone[-1][1] < purges[latest - 1].version):
            gone.append((now, purges[latest - 1].version))

    def _least(self, reader: object, product: str, asked: float) -> int:
        """The least version that may be shown: what is below is gone, by what was told or seen before ``asked``."""
        gone, purges = self._gone[reader, product], self._purges[product]
        seen = bisect_left(gone, (asked,))
        least = gone[seen - 1][1] if seen else 0
        soon = bisect_left(purges, asked - SOON_SECONDS, key=_instant)
        return max([least, *(purge.version for purge in purges[max(0, soon - 50) : soon] if purge.steady)])
