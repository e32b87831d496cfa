"""The stamps of tags that are known: what tells whether a tag was purged since, and how.

A stamp has two halves of eight bytes: one is another with every hard purge of its tag, the other one with every purge.
An entry is stored with the stamps that its tags had before it was asked for, and is worth what still holds of them when
it is read.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Final

STAMP_SIZE: Final = 16
SOFT_AT: Final = 8
"""Where the half begins that changes with every purge."""
NEVER: Final = bytes(STAMP_SIZE)
"""That of a tag which was not purged, or so long ago that nothing is left from before."""
_MOST: Final = 20_000


def new_half() -> bytes:
    """One half that was there never before."""
    return os.urandom(STAMP_SIZE - SOFT_AT)


class Stamps:
    """By tag; bounded, the first to be learnt goes first."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def learn(self, tag: str, stamp: bytes) -> None:
        """Know one more."""
        if len(self._known) >= _MOST and tag not in self._known:
            del self._known[next(iter(self._known))]
        self._known[tag] = stamp

    def forget(self, tag: str) -> None:
        """It is another."""
        self._known.pop(tag, None)

    def clear(self) -> None:
        """Know none."""
        self._known.clear()

    def unknown(self, tags: Iterable[str]) -> list[str]:
        """Those of these tags whose stamps are not known."""
        return [tag for tag in tags if tag not in self._known]

    def joined(self, tags: Sequence[str]) -> bytes | None:
        """All of them, in order; None when one is not known."""
        try:
            return b"".join(map(self._known.__getitem__, tags))
        except KeyError:
            return None


def changes(stored: bytes, current: bytes) -> tuple[bool, bool]:
    """Whether any of the ``current`` stamps is another than as it was ``stored``, and whether by a hard purge.

    A half that is over tells nothing.
    """
    if stored == current:
        return False, False
    changed = [
        at
        for at in range(0, len(current), SOFT_AT)
        if current[at : at + SOFT_AT] not in {NEVER[:SOFT_AT], stored[at : at + SOFT_AT]}
    ]
    return bool(changed), any(at % STAMP_SIZE == 0 for at in changed)
