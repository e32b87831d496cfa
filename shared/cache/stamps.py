"""The stamps of tags that are known: one is another with every purge of a tag, a second one with its hard purges alone.

An entry is stored with those that its tags had before it was asked for, and is worth what still is so when it is read.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

_MOST: Final = 20_000


class Stamp(NamedTuple):
    """One of the two of a ``tag``."""

    tag: str
    hard: bool


class Stamps:
    """Eight bytes each, ``NO_STAMP`` where there was no purge; bounded, the first to be learnt goes first."""

    __slots__ = ("_hard", "_soft")

    def __init__(self) -> None:
        self._soft: dict[str, bytes] = {}
        self._hard: dict[str, bytes] = {}

    def learn(self, stamp: Stamp, value: bytes) -> None:
        """Know one more."""
        known = self._hard if stamp.hard else self._soft
        if len(known) >= _MOST and stamp.tag not in known:
            del known[next(iter(known))]
        known[stamp.tag] = value

    def forget(self, stamp: Stamp) -> None:
        """It is another."""
        (self._hard if stamp.hard else self._soft).pop(stamp.tag, None)

    def clear(self) -> None:
        """Know none."""
        self._soft.clear()
        self._hard.clear()

    def unknown(self, tags: Iterable[str], *, hard: bool) -> list[Stamp]:
        """Those of these ``tags`` that are not known; of hard purges only where these are of interest."""
        unknown = [Stamp(tag, False) for tag in tags if tag not in self._soft]
        if hard:
            unknown += [Stamp(tag, True) for tag in tags if tag not in self._hard]
        return unknown

    def joined(self, tags: Sequence[str], *, hard: bool) -> bytes | None:
        """All of them, in order, those of ``hard`` purges last; None when one is not known."""
        try:
            joined = b"".join([self._soft[tag] for tag in tags])
            return joined + b"".join([self._hard[tag] for tag in tags]) if hard else joined
        except KeyError:
            return None
