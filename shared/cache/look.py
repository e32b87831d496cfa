"""What is learnt by looking a key up in Redis."""

import enum
from typing import NamedTuple

from shared.cache.entry import NO_STAMP, Entry


class Grant(enum.Enum):
    """What became of the wish for a lease."""

    HELD = enum.auto()
    """It is ours; give it back."""
    TAKEN = enum.auto()
    """Another process is loading."""
    NONE = enum.auto()
    """None was wished for, or Redis cannot say, perhaps not of this key: everybody loads for themselves."""


class Look(NamedTuple):
    """What a look found.

    Attributes:
        entry: what stands under the key, or None.
        stamp: the purge stamp of the key's subject.
        grant: what became of the wish for a lease that went along.
        asked: whether Redis was asked at all.
    """

    entry: Entry | None = None
    stamp: bytes = NO_STAMP
    grant: Grant = Grant.NONE
    asked: bool = True
