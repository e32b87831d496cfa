"""The two tiers over a real Redis that dies, hangs, refuses and holds garbage."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from shared.cache.build import build_cache
from shared.cache.cache import Cache
from shared.cache.entry import Entry
from shared.cache.keys import PREFIX, key
from tests.fixtures.processes import free_port
from tests.fixtures.redis_server import RedisServer

KEY = key("profile", "user1")

OpenCache = Callable[..., Awaitable[Cache]]


@pytest.fixture
async def open_cache(loop: object) -> AsyncIterator[OpenCache]:
    """A function that opens a cache on an address, closed when the test ends."""
    async with AsyncExitStack() as stack:

        async def open_(url: str, entries: int = 100, *, up: bool = True) -> Cache:
            cache = await stack.enter_async_context(build_cache(url, entries))
            while up and cache.redis is not None and not cache.redis.up:
                await asyncio.sleep(0.001)
            return cache

        yield open_


async def until_stored(server: RedisServer, name: str = KEY) -> None:
    """Writes go to Redis off the caller's path: wait for one."""
    with server.client() as client:
        while not client.exists(name):
            await asyncio.sleep(0.001)


async def until(cache: Cache, *, up: bool) -> None:
    """Wait until the cache takes Redis for up, or for down."""
    while cache.redis is not None and cache.redis.up is not up:
        await asyncio.sleep(0.001)


async def test_what_one_process_stores_another_finds(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """Redis is shared: an entry put by one cache is a hit in another, with its times."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    one.put(KEY, b"value", 30)
    await until_stored(redis_server)
    lookup = await other.get(KEY)
    assert lookup.tier == "redis"
    assert lookup.entry is not None
    assert lookup.entry.value == b"value"
    assert lookup.entry.fresh_until - lookup.entry.stored_at == 30


async def test_redis_itself_forgets_what_has_expired(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """Every entry is stored with a time to live, so nothing piles up."""
    cache = await open_cache(redis_server.url)
    cache.put(KEY, b"value", 30)
    await until_stored(redis_server)
    with redis_server.client() as client:
        assert 29_000 < int(client.pttl(KEY)) <= 30_000
        assert all(name.startswith(PREFIX.encode()) for name in client.scan_iter())


async def test_an_expired_entry_is_a_miss() -> None:
    """An entry is served until its time is over and not a moment longer, whichever tier has it."""
    now = [1000.0]
    cache = build_cache("", 10)
    cache = Cache(cache._memory, None, now=lambda: now[0])
    cache.put(KEY, b"value", 30)
    now[0] = 1029.9
    assert (await cache.get(KEY)).entry is not None
    now[0] = 1030.0
    assert (await cache.get(KEY)).entry is None


@pytest.mark.parametrize(
    "garbage", [b"", b"{}", b"pgc0" + b"\x00" * 40, b"pgc1", Entry.made(b"", 5.0, -3.0).to_bytes()]
)
async def test_garbage_under_a_key_is_a_miss_and_is_overwritten(
    open_cache: OpenCache, redis_server: RedisServer, garbage: bytes
) -> None:
    """Bytes that are no entry cost a miss, and the next write mends them."""
    cache = await open_cache(redis_server.url)
    with redis_server.client() as client:
        client.set(KEY, garbage)
        assert (await cache.get(KEY)).entry is None
        cache.put(KEY, b"good", 30)
        while client.get(KEY) == garbage:
            await asyncio.sleep(0.001)
    lookup = await cache.get(KEY)
    assert lookup.entry is not None
    assert (lookup.tier, lookup.entry.value) == ("redis", b"good")


async def test_another_type_under_a_key_is_a_miss_and_nothing_worse(
    open_cache: OpenCache, redis_server: RedisServer
) -> None:
    """One spoilt key does not take the tier down."""
    cache = await open_cache(redis_server.url)
    with redis_server.client() as client:
        client.lpush(KEY, "not", "a", "string")
    lookup = await cache.get(KEY)
    assert (lookup.tier, lookup.entry) == ("redis", None)
    assert cache.redis is not None
    assert cache.redis.up


async def test_memory_takes_over_when_redis_dies_and_gives_back(
    open_cache: OpenCache, redis_server: RedisServer
) -> None:
    """The entry is served from memory at once; Redis is used again once it is back."""
    cache = await open_cache(redis_server.url)
    cache.put(KEY, b"value", 30)
    await until_stored(redis_server)
    redis_server.kill()
    lookup = await cache.get(KEY)
    assert lookup.tier == "memory"
    assert lookup.entry is not None
    redis_server.start()
    await until(cache, up=True)
    assert (await cache.get(KEY)).tier == "redis"


async def test_a_redis_that_hangs_is_given_up_on_once(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """A stopped process costs one read timeout; from then on nobody waits for it."""
    cache = await open_cache(redis_server.url)
    redis_server.signal(signal.SIGSTOP)
    try:
        lookups = await asyncio.gather(*(cache.get(KEY) for _ in range(100)))
        assert {lookup.tier for lookup in lookups} == {"memory"}
        assert cache.redis is not None
        assert not cache.redis.up
        assert (await cache.get(KEY)).tier == "memory"
    finally:
        redis_server.signal(signal.SIGCONT)
    await until(cache, up=True)


@pytest.mark.parametrize(
    "refusal",
    [("CONFIG", "SET", "requirepass", "secret"), ("REPLICAOF", "127.0.0.1", "1"), ("CONFIG", "SET", "maxmemory", "1")],
    ids=["wrong password", "read-only replica", "out of memory"],
)
async def test_a_redis_that_refuses_counts_as_down(
    open_cache: OpenCache, redis_server: RedisServer, refusal: tuple[str, ...]
) -> None:
    """A Redis that cannot be written to is no cache: the tier never comes up, memory serves."""
    with redis_server.client() as client:
        client.execute_command(*refusal)
    cache = await open_cache(redis_server.url, up=False)
    cache.put(KEY, b"value", 30)
    for _ in range(50):
        lookup = await cache.get(KEY)
        assert lookup.tier == "memory"
        assert lookup.entry is not None
    assert cache.redis is not None
    assert not cache.redis.up


async def test_a_refused_write_takes_the_tier_down_until_it_is_taken_again(
    open_cache: OpenCache, redis_server: RedisServer
) -> None:
    """Out of memory: the first write is refused, memory takes over; with room again Redis is used again."""
    cache = await open_cache(redis_server.url)
    with redis_server.client() as client:
        client.config_set("maxmemory", "1")
        cache.put(KEY, b"value", 30)
        await until(cache, up=False)
        lookup = await cache.get(KEY)
        assert (lookup.tier, lookup.entry is not None) == ("memory", True)
        client.config_set("maxmemory", "0")
    await until(cache, up=True)


async def test_the_cache_opens_before_redis_does(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """Without Redis the cache opens and works; Redis joins when it comes."""
    redis_server.kill()
    cache = await open_cache(redis_server.url, up=False)
    cache.put(KEY, b"value", 30)
    assert (await cache.get(KEY)).tier == "memory"
    redis_server.start()
    await until(cache, up=True)


async def test_closing_leaves_no_task_and_no_connection(redis_server: RedisServer) -> None:
    """After the end nothing of the cache is left, writes under way being finished first."""
    async with build_cache(redis_server.url, 10) as cache:
        await until(cache, up=True)
        cache.put(KEY, b"value", 30)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    with redis_server.client() as client:
        assert client.exists(KEY)
        while int(client.info("clients")["connected_clients"]) > 1:
            await asyncio.sleep(0.001)


async def test_closing_does_not_wait_for_a_redis_that_is_not_there(loop: object) -> None:
    """A cache whose Redis never came closes all the same."""
    async with build_cache(f"redis://127.0.0.1:{free_port()}/0", 10) as cache:
        assert (await cache.get(KEY)).entry is None


async def test_memory_alone_needs_no_redis(open_cache: OpenCache) -> None:
    """An empty address means the memory tier alone."""
    cache = await open_cache("")
    assert cache.redis is None
    assert cache.primary == "memory"
    cache.put(KEY, b"value", 30)
    lookup = await cache.get(KEY)
    assert (lookup.tier, lookup.entry is not None) == ("memory", True)
