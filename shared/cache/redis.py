"""The Redis tier: reads and writes bounded in time, bypassed from the first fault until a probe gets through again.

The one place that turns redis-py's exceptions into ours. While the tier is down nobody waits for it: a task of its
own probes once a second, with a write, so that a Redis that only reads (a replica, or one out of memory) counts as
down too. Start-up does not wait either; the tier begins as down and the first probe opens it.
"""

import asyncio
from contextvars import Context
from types import TracebackType
from typing import Final, Self

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from shared import metrics
from shared.cache.connection import READ_SECONDS, WRITE_SECONDS
from shared.cache.entry import Entry, UnreadableEntry
from shared.cache.keys import PREFIX
from shared.cache.stores import RedisStore
from shared.logs import log

PROBE_EVERY_SECONDS: Final = 1.0
_PROBE_KEY: Final = f"{PREFIX}probe"
_PROBE_MILLISECONDS: Final = 10_000
_FAULTS: Final = (RedisError, OSError, TimeoutError)


class TierDown(Exception):
    """The tier does not take the operation at the moment."""


class RedisTier:
    """Entries in Redis, or :class:`TierDown`."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._store = RedisStore(client)
        self._up = False
        self._said = False  # that Redis is away; one line for each change of state
        self._watch: asyncio.Task[None] | None = None
        self._gauge = metrics.cache_tier_up.labels("redis")
        self._errors = metrics.service_errors.labels("redis")

    @property
    def up(self) -> bool:
        """Whether the tier takes reads and writes."""
        return self._up

    async def __aenter__(self) -> Self:
        """Begin to look for Redis."""
        self._gauge.set(0)
        self._look_for_redis()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Stop looking, close the connections."""
        self._up = False
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._store.close()

    async def get(self, key: str) -> Entry | None:
        """The entry under ``key``; anything unreadable there counts as none.

        Raises:
            TierDown: Redis is away, or went away just now; costs at most one read timeout.
        """
        self._require_up()
        try:
            async with asyncio.timeout(READ_SECONDS):
                data = await self._store.get(key)
        except ResponseError:  # something else stands under this one key; the next write replaces it
            self._errors.inc()
            return None
        except _FAULTS as error:
            raise self._fault(error) from error
        if data is None:
            return None
        try:
            return Entry.from_bytes(data)
        except UnreadableEntry:
            self._errors.inc()
            return None

    async def put(self, key: str, entry: Entry, now: float) -> None:
        """Store ``entry`` until it is stale.

        Raises:
            TierDown: it is not stored.
        """
        self._require_up()
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._store.set(key, entry.to_bytes(), ttl=entry.stale_until - now)
        except _FAULTS as error:
            raise self._fault(error) from error

    async def size(self) -> tuple[int, int] | None:
        """Keys and bytes that Redis holds (others' included), or None while it cannot be asked."""
        if not self._up:
            return None
        try:
            async with asyncio.timeout(READ_SECONDS):
                keys = int(await self._client.dbsize())
                memory = await self._client.info("memory")
        except _FAULTS:
            return None
        return keys, int(memory.get("used_memory", 0))

    def _require_up(self) -> None:
        if not self._up:
            raise TierDown

    def _fault(self, error: Exception) -> TierDown:
        self._errors.inc()
        if self._up:
            self._up, self._said = False, True
            self._gauge.set(0)
            log("warning", "redis tier bypassed", "cache", error=type(error).__name__)
            self._look_for_redis()
        return TierDown()

    def _look_for_redis(self) -> None:
        # In a context of its own: what it logs belongs to no request.
        self._watch = asyncio.get_running_loop().create_task(
            self._probe_until_up(), name="redis-tier-watch", context=Context()
        )

    async def _probe_until_up(self) -> None:
        while True:
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._client.set(_PROBE_KEY, b"1", px=_PROBE_MILLISECONDS)
            except _FAULTS as error:
                if not self._said:
                    self._said = True
                    log("warning", "redis is not there", "cache", error=type(error).__name__)
            else:
                self._up, self._said = True, False
                self._gauge.set(1)
                log("info", "redis tier up", "cache")
                return
            await asyncio.sleep(PROBE_EVERY_SECONDS)
