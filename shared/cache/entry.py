"""One cached value with its times, and its form in bytes: a versioned binary header before the value."""

import struct
from dataclasses import dataclass
from typing import Final

_HEADER: Final = struct.Struct("!4sddd")
_MAGIC: Final = b"pgc1"


class UnreadableEntry(ValueError):
    """Bytes that are no entry of this version."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and, in seconds since the epoch, when it was stored, until when it is fresh and until when kept."""

    value: bytes
    stored_at: float
    fresh_until: float
    stale_until: float

    @classmethod
    def made(cls, value: bytes, now: float, ttl: float) -> "Entry":
        """A value stored ``now`` that is fresh, and kept, for ``ttl`` seconds."""
        return cls(value, now, now + ttl, now + ttl)

    def is_fresh(self, now: float) -> bool:
        """Whether the entry may be served at ``now``."""
        return now < self.fresh_until

    def to_bytes(self) -> bytes:
        """Header and value."""
        return _HEADER.pack(_MAGIC, self.stored_at, self.fresh_until, self.stale_until) + self.value

    @classmethod
    def from_bytes(cls, data: bytes) -> "Entry":
        """The entry in ``data``.

        Raises:
            UnreadableEntry: another version, or no entry at all.
        """
        if len(data) < _HEADER.size:
            raise UnreadableEntry
        magic, stored_at, fresh_until, stale_until = _HEADER.unpack_from(data)
        if magic != _MAGIC or not stored_at <= fresh_until <= stale_until:
            raise UnreadableEntry
        return cls(data[_HEADER.size :], stored_at, fresh_until, stale_until)
