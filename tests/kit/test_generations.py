"""What outdates everything at once, and does not come back: the cache's generation."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from shared.cache.build import build_cache
from shared.cache.cache import Cache
from shared.cache.entry import NO_STAMP, StoredEntry
from shared.cache.near import Trust
from tests.fixtures.odd_redis import OddRedis, bulk
from tests.fixtures.redis_server import RedisServer
from tests.kit.caches import KINDS, OpenCache, far, found, put, put_as_loaded, share, until, until_found
from tests.kit.loads import KEY, KEYS, StartLoads

SHARED = KEYS.entry("products", "p1")


async def _agreed(*caches: Cache) -> bytes:
    """The generation, once all know the same one and are coherent."""
    while len(known := {cache.near.generation for cache in caches}) > 1 or any(
        cache.trust is not Trust.COHERENT for cache in caches
    ):
        await asyncio.sleep(0.001)
    return known.pop()


async def _kept_in_redis(client: Any, key: str) -> bytes:
    while (data := client.get(key)) is None:
        await asyncio.sleep(0.001)
    return bytes(data)


@pytest.mark.parametrize("key", [KEY, SHARED])
@pytest.mark.parametrize("purges", [1, 2])
@pytest.mark.parametrize("how", ["deleted", "expired"])
async def test_a_generation_that_is_gone_brings_nothing_back(
    open_cache: OpenCache, redis_server: RedisServer, key: str, purges: int, how: str
) -> None:
    """Whoever deletes its key: what was purged stays away, and all processes agree on another one."""
    caches = [await open_cache(redis_server.url) for _ in range(3)]
    with redis_server.client() as client:
        put(caches[0], key, b"purged")
        written = await _kept_in_redis(client, key)
        for _ in range(purges):
            assert await caches[1].purge_all()
        before = await _agreed(*caches)
        if how == "deleted":
            client.delete(KEYS.generation)
        else:
            client.pexpire(KEYS.generation, 1)
        while (await _agreed(*caches)) == before:
            await asyncio.sleep(0.001)
        client.set(key, written, px=30_000)
        for cache in caches:
            assert await far(cache, key) is None
            assert await found(cache, key) is None
        without = StoredEntry.from_bytes(written, key)
        client.set(key, replace(without, generation=NO_STAMP).to_bytes(key), px=30_000)
        assert await far(caches[2], key) is None
    await share(caches[0], caches[2], key, b"new")


@pytest.mark.parametrize(
    "news",
    [
        pytest.param([KEYS.generation], id="the generation"),
        pytest.param([KEY, KEYS.generation], id="others too"),
        pytest.param(None, id="everything"),
    ],
)
async def test_that_there_is_another_one_counts_as_soon_as_it_is_heard(
    open_cache: OpenCache, odd_redis: OddRedis, news: list[str] | None
) -> None:
    """Redis goes before it can say which one has begun: nothing of the one before is served, alone or later."""
    cache = await open_cache(odd_redis.url)
    put(cache, SHARED, b"outdated")
    assert cache.lookup_near(SHARED) is not None
    odd_redis.odd["GET"] = b""
    names = b"_\r\n" if news is None else b"*%d\r\n%b" % (len(news), b"".join(bulk(name.encode()) for name in news))
    odd_redis.send(b">2\r\n+invalidate\r\n" + names)
    await until(cache, up=False)
    assert cache.lookup_near(SHARED) is None


async def test_a_purge_of_everything_reaches_who_is_not_told_of_it(
    open_cache: OpenCache, redis_server: RedisServer
) -> None:
    """Where CLIENT TRACKING is forbidden the next heartbeat learns of it: what Redis still has counts for nothing."""
    with redis_server.client() as client:
        client.execute_command("ACL", "SETUSER", "blind", "on", ">secret", "~*", "&*", "+@all", "-client")
    blind = await open_cache(redis_server.url.replace("redis://", "redis://blind:secret@"))
    told = await open_cache(redis_server.url)
    assert blind.trust is Trust.BLIND
    put(told, KEY, b"value")
    while await found(blind, KEY) != b"value":
        await asyncio.sleep(0.001)
    assert await told.purge_all()
    while await found(blind, KEY) is not None:
        await asyncio.sleep(0.001)
    await put_as_loaded(blind, KEY, b"new")
    await until_found(told, KEY, b"new")


async def test_the_first_of_all_begins_one(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """Processes that come to an empty Redis at once agree on one, and it is nothing that could be guessed."""
    caches = await asyncio.gather(*(open_cache(redis_server.url) for _ in range(4)))
    assert await _agreed(*caches) != NO_STAMP
    await share(caches[0], caches[3], KEY, b"value")


@pytest.mark.parametrize("how", ["restarted", "flushed"])
async def test_an_empty_redis_is_filled_with_one_load_a_key(
    start_loads: StartLoads, redis_server: RedisServer, how: str
) -> None:
    """Once it is there again, whoever gets the lease loads; all others wait for that."""
    processes = [await start_loads(redis_server.url) for _ in range(4)]
    await processes[0].ask()
    for process in processes:
        await until_found(process.cache, KEY, b"load 1")
    if how == "restarted":
        redis_server.kill()
        for process in processes:
            await until(process.cache, up=False)
        redis_server.start()
        for process in processes:
            await until(process.cache, up=True)
    else:
        before = await _agreed(*(process.cache for process in processes))
        with redis_server.client() as client:
            client.flushall()
        while before == await _agreed(*(process.cache for process in processes)):
            await asyncio.sleep(0.001)
    await _agreed(*(process.cache for process in processes))
    for process in processes:
        process.number = 0
        process.gate.clear()
    asked = [process.ask() for process in processes for _ in range(10)]
    while not sum(process.number for process in processes):
        await asyncio.sleep(0.001)
    for process in processes:
        process.gate.set()
    await asyncio.gather(*asked)
    assert sum(process.number for process in processes) == 1


@pytest.mark.parametrize("seconds", [0.0, 600.0])
async def test_a_process_that_is_cut_off_serves_what_it_had_no_longer_than_that(
    loop: object, redis_server: RedisServer, seconds: float
) -> None:
    """A purge elsewhere cannot reach it: what it had before is given up, what it loads itself is kept."""
    async with build_cache(redis_server.url, 100, kinds=KINDS, longest_life=600, alone=seconds) as cache:
        await until(cache, up=True)
        put(cache, KEY, b"before")
        redis_server.kill()
        await until(cache, up=False)
        if seconds:
            assert cache.lookup_near(KEY) is not None
        while not seconds and cache.near.store.peek(KEY) is not None:
            await asyncio.sleep(0.001)
        put(cache, SHARED, b"since")
        assert cache.lookup_near(SHARED) is not None
