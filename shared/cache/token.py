"""A token: the right to store what is going to be asked for. Whatever is invalidated meanwhile ends it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from shared.cache.stamps import Stamps

_NOTHING: Final[frozenset[str]] = frozenset()
_NO_TAGS: Final[Mapping[str, tuple[str, ...]]] = {}

OnLoss = Callable[[str | None], None]
"""Told the key that is not to be put any more, or None for all."""


class Tier(Protocol):
    """What issues tokens, as they see it.

    Attributes:
        generation: of the cache.
        flushes: how often everything was forgotten.
        purges: how often a tag was purged.
    """

    generation: bytes
    flushes: int
    purges: int


class Token:
    """The right to store values that are being read or loaded, each until its key is invalidated.

    Attributes:
        keys: of those things; more may join them before they are asked for.
        lost: those that have been invalidated since.
        generation: of the cache when it was taken.
        stamps: of the tags of these things, as far as they are known.
        tags: besides their own ones, those that any of them depends on, each with the keys of these.
        purges: how many there had been when it was taken.
    """

    __slots__ = ("_flushes", "_tier", "generation", "keys", "lost", "on_loss", "purges", "stamps", "tags")

    def __init__(self, tier: Tier, keys: Iterable[str], stamps: Stamps, on_loss: OnLoss | None) -> None:
        self._tier = tier
        self._flushes = tier.flushes
        self.keys = list(keys)
        self.lost: frozenset[str] = _NOTHING
        self.generation = tier.generation
        self.stamps = stamps
        self.tags: Mapping[str, tuple[str, ...]] = _NO_TAGS
        self.purges = tier.purges
        self.on_loss = on_loss

    @property
    def alive(self) -> bool:
        """Whether not everything has been forgotten since it was taken."""
        return self._flushes == self._tier.flushes

    def holds(self, key: str) -> bool:
        """Whether what is loaded may still be put under ``key``."""
        return self._flushes == self._tier.flushes and key not in self.lost

    def invalidate(self, key: str) -> None:
        """``key`` has been invalidated."""
        if key not in self.lost:
            self.lost |= {key}
            if self.on_loss is not None:
                self.on_loss(key)
