"""Ids that sort by the time in which they were made (UUID version 7, RFC 9562 §5.7)."""

import secrets
import time
from uuid import UUID


def uuid7() -> UUID:
    """A new one: milliseconds since the epoch, and 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)
