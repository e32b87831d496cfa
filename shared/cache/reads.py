"""Reads from Redis into memory: what is found there is kept here, unless it has changed while it was on its way."""

import math
from collections.abc import Sequence

from msgspec.structs import replace

from shared.cache.entry import Entry
from shared.cache.lookup import NONE, Lookup
from shared.cache.near import NearTier, Trust
from shared.cache.redis import RedisTier
from shared.cache.redis_client import TierDown
from shared.cache.replies import Command
from shared.deadline import Clock
from shared.observing import metrics


class Reads:
    """None of them raises because of Redis, if there is one."""

    def __init__(self, near: NearTier, redis: RedisTier | None, clock: Clock) -> None:
        self._near = near
        self._redis = redis
        self._clock = clock
        self._hits, self._misses = (count.labels("redis") for count in (metrics.cache_hits, metrics.cache_misses))

    async def lookup(self, key: str, lease_command: Command | None = None, *, count: bool = True) -> Lookup:
        """What Redis has under ``key``; memory keeps it from then on. Counted as a hit or a miss.

        ``lease_command`` asks for the lease on ``key``; it is sent along, and executed first.
        """
        redis = self._redis
        if redis is None or not redis.up:
            return Lookup(asked=False)
        lookup = Lookup()
        try:
            lookup, is_outdated = await self._lookup(redis, key, lease_command)
            if is_outdated:
                again, is_outdated = await self._lookup(redis, key)
                lookup = replace(lookup, entry=None if is_outdated else again.entry, stamps=again.stamps)
        except TierDown:  # logged and counted by the tier
            lookup = replace(lookup, entry=None, lease=NONE)
        if lookup.entry is not None and not lookup.entry.is_fresh(self._clock()):
            lookup = replace(lookup, entry=None)
        if count:
            (self._misses if lookup.entry is None else self._hits).inc()
        return lookup

    async def _lookup(self, redis: RedisTier, key: str, lease_command: Command | None = None) -> tuple[Lookup, bool]:
        """What is found, and whether that was outdated while the answer was on its way."""
        token = self._near.issue_token(key)
        try:
            lookup = await redis.lookup(key, token, lease_command)
            is_outdated = lookup.entry is not None and not self._near.take(key, lookup.entry, token)
        finally:
            self._near.release_token(token)
        return lookup, is_outdated

    async def kept(self, keys: Sequence[str]) -> list[Entry | None]:
        """What is kept under each key, fresh or stale, in memory or in Redis; not counted."""
        entries = self._near.kept_of(keys)
        absent = [key for key, entry in zip(keys, entries, strict=True) if entry is None]
        if not absent or self._redis is None or not self._redis.up:
            return entries
        found = await self._read(self._redis, absent)
        return [found.get(key) if entry is None else entry for key, entry in zip(keys, entries, strict=True)]

    async def warm(self, keys: Sequence[str]) -> list[str]:
        """Keep in memory what Redis has under ``keys`` and is fresh; those keys, in this order; not counted.

        Nothing is, where memory would not be asked for it.
        """
        if self._redis is None or self._near.trust is not Trust.COHERENT:
            return []
        found = await self._read(self._redis, keys, only_fresh=True)
        return [key for key in keys if key in found]

    async def _read(self, redis: RedisTier, keys: Sequence[str], *, only_fresh: bool = False) -> dict[str, Entry]:
        """What is kept in Redis under each key, as far as it was not outdated on its way; all of it fresh, if asked."""
        token = self._near.issue_token(*keys)
        try:
            found = await redis.read(keys, token)
            since = self._clock() if only_fresh else -math.inf
            entries = {
                key: one for key, one in zip(keys, found, strict=True) if one is not None and one.is_fresh(since)
            }
            return {key: entry for key, entry in entries.items() if self._near.take(key, entry, token)}
        except TierDown:
            return {}
        finally:
            self._near.release_token(token)
