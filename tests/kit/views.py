"""Views of caches as aiocache has them, of two processes over one Redis, or of one over memory alone."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec

import pytest

from shared.cache.cache import Cache
from shared.cache.tiered import TieredCache, TieredStore
from tests.fixtures.log_lines import heard
from tests.fixtures.redis_server import RedisServer
from tests.kit.caches import OpenCache, until

P = ParamSpec("P")
_ATTEMPTS = 5


@dataclass(frozen=True)
class Side:
    """One process: its cache, and views of it."""

    cache: Cache
    store: TieredStore

    @classmethod
    def of(cls, cache: Cache, url: str) -> "Side":
        """The side of this cache."""
        return cls(cache, TieredStore(cache, url))

    def view(self, **options: Any) -> TieredCache:
        """A view with options of its own."""
        return TieredCache(lambda: self.store, **options)

    async def hear(self) -> None:
        """Return once all has been heard that others have changed until now: Redis tells it before it answers."""
        if self.cache.redis is not None and self.cache.redis.up:
            await self.cache.redis.execute("", ("GET", "nothing"))


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

    async def renew(self) -> None:
        """Forget all that either has kept, in a Redis that is there."""
        for side in (self.one, self.other):
            if side.cache.redis is not None:
                await until(side.cache, up=True)
            await side.view().clear()
        await self.hear()


class Disturbed(Exception):
    """A process of the test's own has lost Redis."""


def undisturbed(before: Callable[[], object] = lambda: None) -> Callable[[Callable[P, Awaitable[None]]], Any]:
    """Runs a test once more that has failed while Redis was taken for away, as on a machine that is too busy.

    What is shared then is not; the tests of a Redis that is away are others. ``before`` is called before each time.
    """

    def decorate(test: Callable[P, Awaitable[None]]) -> Any:
        @wraps(test)
        async def run(*arguments: P.args, **fixtures: P.kwargs) -> None:
            for _ in range(_ATTEMPTS):
                lines: list[bytes] = []
                before()
                try:
                    with heard(lines.append):
                        await test(*arguments, **fixtures)
                except Exception as error:
                    if b"redis tier bypassed" not in b"".join(lines) and not isinstance(error, Disturbed):
                        raise
                else:
                    return
                for one in fixtures.values():
                    if isinstance(one, Sides):
                        await one.renew()
                    elif isinstance(one, RedisServer):
                        one.client().flushall()
            raise AssertionError("Redis is lost each time")

        return run

    return decorate


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
