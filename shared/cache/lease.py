"""Coalescing across processes: a short lease in Redis on the load of a key.

Whoever gets it loads; the others wait for the value, for a bounded time. A lease that is lost, or outlived by its
holder, costs a second load and nothing else.
"""

import asyncio
import enum
import os
from typing import Final

from shared.cache.cache import Cache
from shared.cache.redis import TierDown
from shared.deadline import Deadline

_LOOK_AGAIN_SECONDS: Final = 0.05
_ENDLESS: Final = -1


class Grant(enum.Enum):
    """What became of the wish for a lease."""

    HELD = enum.auto()
    """It is ours; give it back."""
    TAKEN = enum.auto()
    """Another process is loading."""
    NONE = enum.auto()
    """Redis cannot be asked: everybody loads for themselves."""


class Leases:
    """Leases of ``seconds`` each; longer than any load may take."""

    def __init__(self, cache: Cache, seconds: float) -> None:
        self._cache = cache
        self._milliseconds = int(seconds * 1000)
        self._holder = os.urandom(8)

    async def wish(self, key: str) -> Grant:
        """Ask for the lease on ``key``."""
        redis = self._cache.redis
        if redis is None or not redis.up:
            return Grant.NONE
        lease = self._cache.keys.lease(key)
        try:
            (reply,) = await redis.ask(lease, ("SET", lease, self._holder, "NX", "PX", self._milliseconds))
        except TierDown:
            return Grant.NONE
        return Grant.TAKEN if reply is None else Grant.HELD

    def given_back(self, key: str) -> tuple[str, ...]:
        """What is to be deleted in Redis to give the lease on ``key`` back."""
        return (self._cache.keys.lease(key),)

    async def outwait(self, key: str, patience: float) -> None:
        """Return when ``key`` has changed, its lease is gone, or ``patience`` seconds are over."""
        deadline = Deadline.after(patience)
        changed = asyncio.Event()
        token = self._cache.begin(key, on_death=changed.set)
        try:
            while not changed.is_set() and deadline.left() > 0 and await self._is_taken(key):
                try:
                    async with asyncio.timeout(min(_LOOK_AGAIN_SECONDS, max(0.0, deadline.left()))):
                        await changed.wait()
                except TimeoutError:
                    continue
        finally:
            self._cache.end(token)

    async def _is_taken(self, key: str) -> bool:
        redis = self._cache.redis
        if redis is None or not redis.up:
            return False
        lease = self._cache.keys.lease(key)
        try:
            (left_ms,) = await redis.ask(lease, ("PTTL", lease))
            if left_ms == _ENDLESS:  # no lease of ours: it would keep everybody waiting for ever
                await redis.ask(lease, ("UNLINK", lease))
        except TierDown:
            return False
        return int(left_ms) > 0
