"""Caches over a Redis, opened and closed by a test, and the waiting that goes with them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from shared.cache.build import build_cache
from shared.cache.cache import Cache, Value
from shared.cache.entry import Entry
from shared.cache.kind import Kind, Rules
from shared.cache.near import Trust

OWNED = ("profile", "user", "orders")
_TICK_SECONDS = 0.01
OpenCache = Callable[..., Awaitable[Cache]]


def plain(name: str, *, owned: bool = False, fresh: float = 100_000.0) -> Kind:
    """A kind of entries that are whatever bytes they are."""
    rules = Rules(lambda _subject, data: data, fresh, fresh)
    return Kind(name, present=rules, absent=rules, tag="user" if owned else None)


KINDS = (*(plain(name, owned=True) for name in OWNED), plain("products"))


def make_cache(url: str, entries: int = 100) -> Cache:
    """A cache that is not open yet."""
    return build_cache(url, entries, kinds=KINDS, longest_life=600)


@pytest.fixture
async def open_cache(loop: object) -> AsyncIterator[OpenCache]:
    """A function that opens a cache on an address, closed when the test ends."""
    async with AsyncExitStack() as stack:

        async def open_(url: str, entries: int = 100, *, up: bool = True) -> Cache:
            cache = await stack.enter_async_context(make_cache(url, entries))
            if up and url:
                await until(cache, up=True)
            return cache

        yield open_


async def until(cache: Cache, *, up: bool) -> None:
    """Wait until the cache takes Redis for up, or for down and memory for all there is."""
    wanted = (Trust.COHERENT, Trust.BLIND) if up else (Trust.ALONE,)
    while cache.trust not in wanted:
        await asyncio.sleep(0.001)


def put(cache: Cache, key: str, data: bytes, fresh: float = 30.0, stale: float = 0.0) -> None:
    """Keep a value, as one that nobody has invalidated meanwhile."""
    token = cache.issue_token(key)
    cache.put(token, [Value(key, data, cache.clock(), fresh, stale)])
    cache.release_token(token)


async def put_as_loaded(cache: Cache, key: str, data: bytes) -> None:
    """Keep a value as a load does: what Redis has to say of it is read before, where Redis does not tell by itself."""
    token = cache.issue_token(key)
    await cache.read_stamps(token)
    cache.put(token, [Value(key, data, cache.clock(), 30.0)])
    cache.release_token(token)


async def far(cache: Cache, key: str) -> Entry | None:
    """What Redis has, through this cache."""
    return (await cache.lookup_redis(key)).entry


async def found(cache: Cache, key: str) -> bytes | None:
    """What a lookup in both tiers finds."""
    entry = cache.lookup_near(key) or await far(cache, key)
    return None if entry is None else entry.value


async def until_found(cache: Cache, key: str, value: bytes | None) -> None:
    """Wait until a lookup finds this, in memory where it is something.

    A value that is read in the very moment in which it is written may be outdated by the news of that write, and is
    read once more then.
    """
    while await found(cache, key) != value or (value is not None and cache.lookup_near(key) is None):
        await asyncio.sleep(0.001)


async def share(one: Cache, other: Cache, key: str, value: bytes) -> None:
    """Have ``one`` store a value and ``other`` find it; a write that is lost on a busy machine is made again."""
    while await found(other, key) != value or other.lookup_near(key) is None:
        if await far(one, key) is None:
            put(one, key, value)
        await asyncio.sleep(0.001)


async def purge(cache: Cache, subject: str) -> None:
    """Purge a subject; one that Redis was not told of, on a busy machine, is asked for again, as its answer says."""
    while not await cache.purge_tags([f"user:{subject}"], hard=True):
        await asyncio.sleep(0.001)


@asynccontextmanager
async def waited() -> AsyncIterator[Callable[[], float]]:
    """Gives a function that tells for how many seconds the loop has been waiting inside the context.

    What a busy machine has kept it from running does not count: a long stretch is one tick, like a short one.
    """
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            ticks += 1

    ticking = asyncio.create_task(tick())
    try:
        yield lambda: ticks * _TICK_SECONDS
    finally:
        ticking.cancel()
