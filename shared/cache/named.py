"""The kind of entries that are named by whoever uses them: their names in keys, and how long they are kept."""

import math
import re
from typing import Final

from shared.cache.entry import LONGEST_SECONDS
from shared.cache.kind import Kind, Rules

NAMED: Final = Kind("named", Rules(lambda _subject, _data: None, LONGEST_SECONDS, LONGEST_SECONDS))
"""Nothing can be held against such bytes but that they stand where they were put."""
NAMELESS: Final = "%"
"""Stands for no name at all, for which there is no key; no other name becomes it."""

_UNSAFE: Final = re.compile(r"[{}%\ud800-\udfff]")
"""What would end the hash tag early, what escapes, and halves of characters, which no key in Redis can hold."""


def escaped(name: str) -> str:
    """``name`` as it may stand in a key; no two names become the same, and beginnings stay beginnings."""
    return _UNSAFE.sub(_percent, name)


def ttl_seconds(ttl: float | None) -> float:
    """For how many seconds something is kept; None and 0 stand for as long as anything is.

    Raises:
        ValueError: negative, or no number.
    """
    if ttl is None:
        return LONGEST_SECONDS
    if math.isnan(ttl) or ttl < 0:
        raise ValueError(f"a time to live of {ttl} s")
    return min(ttl or LONGEST_SECONDS, LONGEST_SECONDS)


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))
