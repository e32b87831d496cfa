"""The result of looking a key up in Redis."""

import enum

import msgspec

from shared.cache.entry import Entry
from shared.cache.stamps import Stamps


class LeaseState(enum.Enum):
    """Whether the lease on the load of a key was got."""

    HELD = enum.auto()
    """It is ours; release it."""
    TAKEN = enum.auto()
    """Another process is loading."""
    NONE = enum.auto()
    """None was asked for, or Redis cannot say, perhaps not of this key: everybody loads for themselves."""


HELD, TAKEN, NONE = LeaseState  # by these names they are looked up once, not with every use


class Lookup(msgspec.Struct, frozen=True):
    """The result of a lookup.

    Attributes:
        entry: the entry of the key, or None.
        stamps: of its tags, as far as they were asked for.
        lease: whether the lease that was asked for with it was got.
        asked: whether Redis was asked at all.
    """

    entry: Entry | None = None
    stamps: Stamps | None = None
    lease: LeaseState = NONE
    asked: bool = True
