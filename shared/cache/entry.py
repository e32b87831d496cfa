"""A cache entry: a value with its times, and its binary format in Redis.

In memory, times are instants of this machine's clock since its start, so that nobody who sets a wall clock, or sends
the machine to sleep, can lengthen a life. The stored form has durations, and the instant from which they count as
Redis's own clock tells it (``redis_clock``): however late Redis comes to store or to tell it, it is as old as it is.
"""

import math
import struct
import sys
import zlib
from typing import Final

import msgspec

from shared.cache.stamps import STAMP_SIZE
from shared.cache.tags import is_tags

REFRESH_SHARE: Final = 0.2
"""The last part of a fresh life in which a hit starts an early refresh."""
REFRESH_MARGIN: Final = 1.5
"""It starts earlier where loading takes long: so many times as long as it took last time before the end."""

LONGEST_SECONDS: Final = 604_800
"""No setting keeps anything for longer."""
LONGEST_LOAD_SECONDS: Final = 60
"""Nor may a request take longer."""

FORMAT: Final = 7
NO_STAMP: Final = bytes(8)
_MAGIC: Final = b"pgc%d" % FORMAT
_HEADER: Final = struct.Struct("!4sI8sQIIIIBHH")
_LONGEST_MS: Final = LONGEST_SECONDS * 1000
_AHEAD_MS: Final = 100
"""So much later than now something may have been stored: clocks are followed no more exactly than that."""
_COSTLIEST_MS: Final = LONGEST_LOAD_SECONDS * 1000


class UnreadableEntry(ValueError):
    """Bytes that are no entry of this version, or one whose life cannot be right."""


class Entry(msgspec.Struct, eq=False, gc=False):
    """A value, and the instants (seconds, the cache's clock) between which it may be used.

    The collector knows nothing of it, as there are so many: nothing that is decoded refers to its entry.

    Attributes:
        value: the bytes that were stored.
        stored_at: when it was stored.
        fresh_until: until when it may be served as current.
        stale_until: until when it may stand in for a value that cannot be had.
        cost: seconds that loading it took.
        age: how many seconds old it was when it was stored: what it says was asked for so long before.
        negative: whether it says that there is no such thing.
        decoded: the decoded value, kept so that the next reader need not decode the bytes again.
        decoded_size: bytes of memory that it takes besides.
        tags: by which it is outdated, besides the one that follows from its key.
        refresh_from: the instant from which a hit begins to replace it; later than ``fresh_until`` for never.
    """

    value: bytes
    stored_at: float
    fresh_until: float
    stale_until: float
    cost: float = 0.0
    age: float = 0.0
    negative: bool = False
    decoded: object = None
    decoded_size: int = 0
    tags: tuple[str, ...] = ()
    refresh_from: float = 0.0

    def __post_init__(self) -> None:
        """Derive when the early refresh may begin."""
        life = self.fresh_until - self.stored_at
        early = life * REFRESH_SHARE
        if self.cost:
            early = min(life, max(early, self.cost * REFRESH_MARGIN))
        self.refresh_from = self.fresh_until - early

    @classmethod
    def made(cls, value: bytes, now: float, fresh: float, stale: float = 0.0, cost: float = 0.0) -> "Entry":
        """A value stored ``now`` that is fresh for ``fresh`` seconds and kept for ``stale`` ones, if that is longer."""
        return cls(value, now, now + fresh, now + max(fresh, stale), cost)

    @property
    def asked_at(self) -> float:
        """When what it says was asked for."""
        return self.stored_at - self.age

    def size(self, key: str) -> int:
        """Bytes that it takes in memory under ``key``, with all that belongs to it."""
        own, tags = _OWN_BYTES + len(key) + len(self.value) + self.decoded_size, self.tags
        return own + _TAG_BYTES * len(tags) + len("".join(tags)) if tags else own

    def outdate(self, now: float) -> None:
        """From ``now`` on it is no longer current, whatever it was given."""
        self.fresh_until = min(self.fresh_until, now)
        self.refresh_from = min(self.refresh_from, now)

    def is_fresh(self, now: float) -> bool:
        """Whether the entry may be served as current."""
        return now < self.fresh_until

    def is_kept(self, now: float) -> bool:
        """Whether the entry may be used at all."""
        return now < self.stale_until

    def is_new(self, now: float) -> bool:
        """Whether the first fifth of its fresh life is not over."""
        return now < self.stored_at + (self.fresh_until - self.stored_at) * REFRESH_SHARE

    def is_due(self, now: float) -> bool:
        """Whether it is time to replace it: the last fifth of its fresh life, or what loading it takes."""
        return now >= self.refresh_from


_OWN_BYTES: Final = (
    sys.getsizeof(Entry(b"", 0.0, 0.0, 0.0))
    + 5 * sys.getsizeof(0.0)
    + sys.getsizeof(b"")
    + sys.getsizeof("")
    + 150  # its place in an ordered dictionary
)
_TAG_BYTES: Final = 150
"""What a tag takes besides its characters, and to be found by it, however few others carry it."""


class StoredEntry(msgspec.Struct, gc=False):
    """An entry as it is stored in Redis.

    Attributes:
        generation: the cache's generation when the value was loaded; a purge of everything begins another one.
        stamps: of its tags when the value was loaded, one behind the other (``Stamps.joined``); a purge makes others.
        stored_ms: when it was stored, in milliseconds by Redis's clock.
        fresh_ms: how long after storing it is fresh.
        kept_ms: how long after storing it is kept.
        value: the bytes.
        cost_ms: how long loading it took.
        age_ms: how old the value was when it was stored.
        negative: whether it says that there is no such thing.
        tags: by which it is outdated, besides its own one.
    """

    generation: bytes
    stamps: bytes
    stored_ms: int
    fresh_ms: int
    kept_ms: int
    value: bytes
    cost_ms: int = 0
    age_ms: int = 0
    negative: bool = False
    tags: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: Entry, now: float, redis_ms: int, generation: bytes, stamps: bytes) -> "StoredEntry":
        """The form in which ``entry`` is sent to Redis ``now``, when that's clock says ``redis_ms``."""
        kept_ms, fresh_ms = int((entry.stale_until - now) * 1000) or 1, int((entry.fresh_until - now) * 1000)
        cost_ms, age_ms = int(entry.cost * 1000), math.ceil((now - entry.stored_at + entry.age) * 1000)
        if not (0 <= fresh_ms <= kept_ms <= _LONGEST_MS and 0 <= age_ms <= _LONGEST_MS and cost_ms <= _COSTLIEST_MS):
            kept_ms = max(1, min(_LONGEST_MS, kept_ms))
            fresh_ms, age_ms = max(0, min(kept_ms, fresh_ms)), max(0, min(_LONGEST_MS, age_ms))
            cost_ms = min(_COSTLIEST_MS, cost_ms)
        return cls(
            generation, stamps, redis_ms, fresh_ms, kept_ms, entry.value, cost_ms, age_ms, entry.negative, entry.tags
        )

    def to_bytes(self, key: str) -> bytes:
        """Header and value, valid under ``key`` and nowhere else."""
        tags = "\n".join(self.tags).encode() if self.tags else b""
        sizes = len(self.stamps) // STAMP_SIZE, len(tags)
        times = self.stored_ms, self.fresh_ms, self.kept_ms, self.cost_ms, self.age_ms
        head = _HEADER.pack(_MAGIC, zlib.crc32(key.encode()), self.generation, *times, self.negative, *sizes)
        return b"".join((head, self.stamps, tags, self.value))

    @classmethod
    def from_bytes(cls, data: bytes, key: str) -> "StoredEntry":
        """What :meth:`to_bytes` made for ``key``.

        Raises:
            UnreadableEntry: another version, another key's, a life that nobody gives, or no entry at all.
        """
        if len(data) < _HEADER.size:
            raise UnreadableEntry
        magic, place, generation, stored_ms, fresh_ms, kept_ms, cost_ms, age_ms, negative, stamps, tags = (
            _HEADER.unpack_from(data)
        )
        tags_at = _HEADER.size + stamps * STAMP_SIZE
        value_at = tags_at + tags
        if (
            magic != _MAGIC
            or place != zlib.crc32(key.encode())
            or not fresh_ms <= kept_ms <= _LONGEST_MS
            or cost_ms > _COSTLIEST_MS
            or age_ms > _LONGEST_MS
            or negative > 1
            or len(data) < value_at
            or (tags and not is_tags(data[tags_at:value_at].decode("latin-1")))
        ):
            raise UnreadableEntry
        return cls(
            generation,
            data[_HEADER.size : tags_at],
            stored_ms,
            fresh_ms,
            kept_ms,
            data[value_at:],
            cost_ms,
            age_ms,
            negative == 1,
            tuple(data[tags_at:value_at].decode().split("\n")) if tags else (),
        )

    def entry(self, redis_ms: int, now: float, fresh: float = math.inf, kept: float = math.inf) -> Entry:
        """The entry as it is ``now``, when Redis's clock says ``redis_ms``.

        Whatever it was given, it is fresh for at most ``fresh`` seconds from when it was asked for, and kept for
        at most ``kept``.

        Raises:
            UnreadableEntry: it will not be stored before a while.
        """
        over_ms = redis_ms - self.stored_ms
        if over_ms < -_AHEAD_MS:
            raise UnreadableEntry
        stored_at = now - max(0, over_ms) / 1000
        age = self.age_ms / 1000
        fresh_until = stored_at + min(self.fresh_ms / 1000, fresh - age)
        stale_until = stored_at + min(self.kept_ms / 1000, max(fresh, kept) - age)
        entry = Entry(self.value, stored_at, fresh_until, stale_until, self.cost_ms / 1000, age, self.negative)
        entry.tags = self.tags
        return entry
