"""Coalescing across processes: a short lease in Redis on the load of a key.

Whoever gets it loads, and lengthens it while it does; the others wait for the value, for a bounded time. A holder that
dies keeps them for no longer than the lease lasts. One that is lost costs a second load and nothing else.
"""

import asyncio
import os
from collections.abc import Awaitable
from typing import Final

from shared.cache.cache import Cache
from shared.cache.lookup import Lookup
from shared.cache.redis_client import TierDown
from shared.cache.replies import MOVING
from shared.cache.token import Token
from shared.deadline import Deadline

LEASE_SECONDS: Final = 0.3
"""After a holder that died, everybody waits for so long."""

_LEASE_MS: Final = int(LEASE_SECONDS * 1000)
_RENEW_SECONDS: Final = 0.1
_POLL_SECONDS: Final = 0.05
_ENDLESS: Final = -1


class Leases:
    """The leases of one process."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._holder = os.urandom(8)
        self._held: dict[Token, str] = {}
        self._timer: asyncio.TimerHandle | None = None

    def lookup(self, key: str, *, count: bool = True) -> Awaitable[Lookup]:
        """Ask for the lease on ``key`` and then look the key up in Redis, in one round trip.

        What the holder before us has stored is found, because it was there when we got the lease. Release the lease
        when the entry will do.
        """
        return self._cache.lookup_redis(
            key, ("SET", self._cache.keys.lease(key), self._holder, "NX", "PX", _LEASE_MS), count=count
        )

    def start_renewing(self, key: str, token: Token) -> None:
        """Renew the lease on ``key`` until :meth:`stop_renewing` for the load that has ``token``."""
        self._held[token] = self._cache.keys.lease(key)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_RENEW_SECONDS, self._renew)

    def stop_renewing(self, token: Token) -> tuple[str, ...]:
        """Renew no more; returns the keys to delete in Redis to release the lease, if it was still renewed."""
        lease = self._held.pop(token, None)
        return () if lease is None else (lease,)

    def release(self, *leases: str) -> None:
        """Delete them in Redis, so that others can have them."""
        if leases and self._cache.redis is not None:
            self._cache.redis.post([(lease, ("UNLINK", lease)) for lease in leases])

    async def wait_for_lease_holder(self, key: str, patience: Deadline) -> None:
        """Return when ``key`` has changed, its lease is gone, or there is no more ``patience``."""
        changed = asyncio.Event()
        token = self._cache.issue_token(key, on_loss=lambda _: changed.set())
        try:
            while not changed.is_set() and patience.left() > 0 and await self._is_taken(key):
                try:
                    async with asyncio.timeout(min(_POLL_SECONDS, max(0.0, patience.left()))):
                        await changed.wait()
                except TimeoutError:
                    continue
        finally:
            self._cache.release_token(token)

    def _renew(self) -> None:
        # One timer for all: most loads are over before it comes round.
        self._timer = None
        redis = self._cache.redis
        if redis is None or not self._held:
            return
        self._timer = asyncio.get_running_loop().call_later(_RENEW_SECONDS, self._renew)
        redis.post([(lease, ("PEXPIRE", lease, _LEASE_MS)) for lease in self._held.values()])

    async def _is_taken(self, key: str) -> bool:
        redis = self._cache.redis
        if redis is None or not redis.up:
            return False
        lease = self._cache.keys.lease(key)
        try:
            (left_ms,) = await redis.execute(lease, ("PTTL", lease))
            if left_ms is MOVING:
                return False
            if left_ms == _ENDLESS:  # no lease of ours: it would keep everybody waiting for ever
                await redis.execute(lease, ("UNLINK", lease))
        except TierDown:
            return False
        return bool(left_ms > 0)
