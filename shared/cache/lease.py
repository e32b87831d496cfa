"""Coalescing across processes: a short lease in Redis on the load of a key.

Whoever gets it loads, and lengthens it while it does; the others wait for the value, for a bounded time. A holder that
dies keeps them for no longer than the lease lasts. One that is lost costs a second load and nothing else.
"""

import asyncio
import contextlib
import enum
import os
from collections.abc import Iterator
from typing import Final

from shared.cache.cache import Cache
from shared.cache.redis import TierDown
from shared.deadline import Deadline

_LEASE_MS: Final = 300
_LENGTHEN_SECONDS: Final = 0.1
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
    """The leases of one process."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._holder = os.urandom(8)

    async def wish(self, key: str) -> Grant:
        """Ask for the lease on ``key``."""
        redis = self._cache.redis
        if redis is None or not redis.up:
            return Grant.NONE
        lease = self._cache.keys.lease(key)
        try:
            (reply,) = await redis.ask(lease, ("SET", lease, self._holder, "NX", "PX", _LEASE_MS))
        except TierDown:
            return Grant.NONE
        return Grant.TAKEN if reply is None else Grant.HELD

    def given_back(self, key: str) -> tuple[str, ...]:
        """What is to be deleted in Redis to give the lease on ``key`` back."""
        return (self._cache.keys.lease(key),)

    @contextlib.contextmanager
    def kept(self, key: str) -> Iterator[None]:
        """Lengthen the lease on ``key`` as long as this lasts."""
        lengthening = asyncio.get_running_loop().create_task(self._lengthen(self._cache.keys.lease(key)))
        try:
            yield
        finally:
            lengthening.cancel()

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

    async def _lengthen(self, lease: str) -> None:
        while True:
            await asyncio.sleep(_LENGTHEN_SECONDS)
            redis = self._cache.redis
            if redis is not None:
                with contextlib.suppress(TierDown):
                    await redis.ask(lease, ("PEXPIRE", lease, _LEASE_MS))

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
