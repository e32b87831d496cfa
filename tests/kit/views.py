"""Views of caches as aiocache has them, of two processes over one Redis, or of one over memory alone."""

from dataclasses import dataclass
from typing import Any

import pytest

from shared.cache.cache import Cache
from shared.cache.tiered import Store, TieredCache
from tests.fixtures.redis_server import RedisServer
from tests.kit.caches import OpenCache


@dataclass(frozen=True)
class Side:
    """One process: its cache, and views of it."""

    cache: Cache
    store: Store

    @classmethod
    def of(cls, cache: Cache, url: str) -> "Side":
        """The side of this cache."""
        return cls(cache, Store(cache, url))

    def view(self, **options: Any) -> TieredCache:
        """A view with options of its own."""
        return TieredCache(lambda: self.store, **options)

    async def hear(self) -> None:
        """Return once all has been heard that others have changed until now: Redis tells it before it answers."""
        if self.cache.redis is not None and self.cache.redis.up:
            await self.cache.redis.ask("", ("GET", "nothing"))


@dataclass(frozen=True)
class Sides:
    """Two processes that share a Redis; where there is none, the same one twice."""

    one: Side
    other: Side

    def views(self, **options: Any) -> tuple[TieredCache, TieredCache]:
        """A view of each, alike."""
        return self.one.view(**options), self.other.view(**options)

    async def hear(self) -> None:
        """Return once both have heard of all that was changed until now."""
        await self.one.hear()
        await self.other.hear()


async def open_sides(open_cache: OpenCache, url: str) -> Sides:
    """Two processes over the Redis at ``url``; one where that is empty."""
    one = Side.of(await open_cache(url), url)
    return Sides(one, Side.of(await open_cache(url), url) if url else one)


@pytest.fixture(params=["memory", "redis"])
def url(request: pytest.FixtureRequest) -> str:
    """Where Redis is, once with one and once without."""
    if request.param == "memory":
        return ""
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.url


@pytest.fixture
async def sides(url: str, open_cache: OpenCache) -> Sides:
    """Two processes, or one over memory alone."""
    return await open_sides(open_cache, url)


@pytest.fixture
async def far_sides(redis_server: RedisServer, open_cache: OpenCache) -> Sides:
    """Two processes over one Redis."""
    return await open_sides(open_cache, redis_server.url)
