"""A kind of entries: how its values are decoded, and for how long they may be used."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.cache.entry import FORMAT

Reading = Callable[[str, bytes], object]
"""What the bytes that stand for a subject say, checked whole; ``ValueError`` for anything that is not as written."""


def _no_size(_decoded: Any) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Rules:
    """How values are read, and how long they may be used.

    Attributes:
        read: decodes the bytes; what it returns is kept with them, unless that is None.
        fresh: seconds after it was asked for in which a value counts as current.
        kept: seconds after which it is of no use at all.
        sizeof: bytes of memory that a decoded value takes besides the bytes that it was read from.
    """

    read: Reading
    fresh: float
    kept: float
    sizeof: Callable[[Any], int] = _no_size


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of entries.

    Attributes:
        name: unique in the cache.
        present: for things that there are.
        absent: for the knowledge that there is no such thing; None where nobody keeps that.
        tag: the name of the tag that each of its entries carries, whose id is their subject; None for none.
        varied: whether a subject may have several, with different variants.
        shape: tells how values are written; kinds of different shapes never read each other's entries.
    """

    name: str
    present: Rules
    absent: Rules | None = None
    tag: str | None = None
    varied: bool = False
    shape: bytes = b""

    def rules(self, *, negative: bool) -> Rules | None:
        """Those for things that there are, or for those that there are not."""
        return self.absent if negative else self.present

    @property
    def version(self) -> str:
        """Eight digits that are others as soon as entries are written in another way."""
        return hashlib.blake2b(b"%d:%b" % (FORMAT, self.shape), digest_size=4).hexdigest()
