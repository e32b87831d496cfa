"""The two tiers as one: Redis answers while it is well, memory while it is not, and nothing here ever raises.

Memory is filled along with Redis but not asked while Redis is up: it cannot know what other processes have changed.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

from shared import metrics
from shared.cache.entry import Entry
from shared.cache.redis import RedisTier, TierDown
from shared.cache.stores import MemoryStore

TierName = Literal["redis", "memory"]

_WRITES_WAITING: Final = 256
_CLOSE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a lookup found: a fresh entry or None, and the tier that said so."""

    entry: Entry | None
    tier: TierName


class Cache:
    """Bytes by key for a bounded time; a resource of the app, open while it serves."""

    def __init__(self, memory: MemoryStore, redis: RedisTier | None, now: Callable[[], float] = time.time) -> None:
        """``redis`` is None where memory alone is configured; ``now`` gives seconds since the epoch."""
        self._memory = memory
        self._redis = redis
        self._now = now
        self._writes: set[asyncio.Task[None]] = set()
        self._hits = {tier: metrics.cache_hits.labels(tier) for tier in ("redis", "memory")}
        self._misses = {tier: metrics.cache_misses.labels(tier) for tier in ("redis", "memory")}

    @property
    def redis(self) -> RedisTier | None:
        """The primary tier, where one is configured."""
        return self._redis

    @property
    def primary(self) -> TierName:
        """The tier that is configured to answer."""
        return "memory" if self._redis is None else "redis"

    async def __aenter__(self) -> Self:
        """Open both tiers; does not wait for Redis."""
        metrics.cache_tier_up.labels("memory").set(1)
        if self._redis is not None:
            await self._redis.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Finish writes under way, for a second at most, and close."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=_CLOSE_SECONDS)
        if self._redis is not None:
            await self._redis.__aexit__(kind, error, frames)

    async def get(self, key: str) -> Lookup:
        """Look ``key`` up in the tier that answers now."""
        lookup = await self._look_up(key)
        if lookup.entry is not None and not lookup.entry.is_fresh(self._now()):
            lookup = Lookup(None, lookup.tier)
        (self._misses if lookup.entry is None else self._hits)[lookup.tier].inc()
        return lookup

    def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep ``value`` for ``ttl`` seconds: in memory at once, in Redis off the caller's path."""
        entry = Entry.made(value, self._now(), ttl)
        self._memory.place(key, entry)
        metrics.cache_memory_entries.set(len(self._memory))
        metrics.cache_memory_bytes.set(self._memory.bytes)
        if self._redis is not None and self._redis.up and len(self._writes) < _WRITES_WAITING:
            write = asyncio.get_running_loop().create_task(self._write(self._redis, key, entry))
            self._writes.add(write)
            write.add_done_callback(self._writes.discard)

    async def _look_up(self, key: str) -> Lookup:
        if self._redis is not None:
            try:
                return Lookup(await self._redis.get(key), "redis")
            except TierDown:
                pass
        return Lookup(self._memory.peek(key), "memory")

    async def _write(self, redis: RedisTier, key: str, entry: Entry) -> None:
        try:
            await redis.put(key, entry, self._now())
        except TierDown:
            return  # logged and counted by the tier; the memory tier has the entry
