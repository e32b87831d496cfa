"""The two tiers over a real Redis, which one process fills and another one reads."""

import asyncio

import pytest
from msgspec.structs import replace

from shared.cache.entry import NO_STAMP, StoredEntry
from shared.cache.keys import Keys
from shared.cache.near import Trust
from shared.cache.stamps import NEVER
from tests.fixtures.processes import free_port
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.stored_entries import stored_now
from tests.kit.caches import (
    KINDS,
    OWNED,
    OpenCache,
    far,
    found,
    make_cache,
    purge,
    put,
    put_as_loaded,
    until,
    until_found,
)

KEYS = Keys("bff", KINDS)
KEY = KEYS.entry("profile", "user1")
SHARED = KEYS.entry("products", "prod1")


def write_late(server: RedisServer, key: str, generation: bytes) -> None:
    """What a process writes that has not heard of a purge yet: an entry of before any, of that ``generation``."""
    with server.client() as client:
        stored = replace(
            stored_now(client, StoredEntry(NO_STAMP, NEVER, 0, 30_000, 30_000, b"outdated")), generation=generation
        )
        client.set(key, stored.to_bytes(key), px=30_000)


def generation_of(server: RedisServer) -> bytes:
    """The cache's generation."""
    with server.client() as client:
        return bytes(client.get(KEYS.generation))


async def test_what_one_process_stores_another_finds(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """Redis is shared: an entry put by one cache is found by another, as old as it is, and near from then on."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    put(one, KEY, b"value", fresh=30, stale=600)
    await until_found(other, KEY, b"value")
    near, original = other.lookup_near(KEY), one.lookup_near(KEY)
    assert near is not None
    assert original is not None
    assert near.fresh_until == pytest.approx(original.fresh_until, abs=0.1)
    assert near.stale_until == pytest.approx(original.stale_until, abs=0.1)


async def test_redis_itself_forgets_what_has_expired(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """Every entry is stored with a time to live, so nothing piles up."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    put(one, KEY, b"value", fresh=30)
    await until_found(other, KEY, b"value")
    with redis_server.client() as client:
        assert 30_000 < int(client.pttl(KEY)) <= 40_000


async def test_a_fresh_life_is_never_longer_than_it_was_given(open_cache: OpenCache) -> None:
    """Jitter only shortens."""
    cache = await open_cache("")
    for number in range(100):
        key = KEYS.entry("profile", f"u{number}")
        put(cache, key, b"value", fresh=30)
        entry = cache.lookup_near(key)
        assert entry is not None
        assert 28.5 <= entry.fresh_until - entry.stored_at <= 30


@pytest.mark.parametrize("by", ["another cache", "any client"])
async def test_a_change_is_seen_by_every_process(open_cache: OpenCache, redis_server: RedisServer, by: str) -> None:
    """Whoever overwrites or deletes a key, the memory tiers of all others drop it."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    put(one, KEY, b"old")
    await until_found(other, KEY, b"old")
    if by == "another cache":
        put(one, KEY, b"new")
        await until_found(other, KEY, b"new")
    else:
        with redis_server.client() as client:
            client.delete(KEY)
        await until_found(other, KEY, None)
        await until_found(one, KEY, None)


async def test_own_writes_do_not_evict(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """What a process has written itself stays near, although Redis tells of every change."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    put(one, KEY, b"value")
    await until_found(other, KEY, b"value")
    entry = one.lookup_near(KEY)
    put(other, SHARED, b"later")
    await until_found(one, SHARED, b"later")  # whatever Redis had to tell of the first write has come by now
    assert entry is not None
    assert one.lookup_near(KEY) is entry


async def test_a_purge_drops_what_a_subject_owns_everywhere(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """The profile and the user's parts, in every process; not the products, which are everybody's."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    keys = [KEYS.entry(kind, "user1") for kind in OWNED]
    for key in (*keys, SHARED):
        put(one, key, b"value")
    for key in (*keys, SHARED):
        await until_found(other, key, b"value")
    assert await one.purge_tags(["user:user1"], hard=True)
    for key in keys:
        assert await found(one, key) is None
        await until_found(other, key, None)
    assert await found(other, SHARED) == b"value"
    put(one, KEY, b"again")
    assert one.lookup_near(KEY) is not None


async def test_a_purge_leaves_nothing_in_redis_but_its_stamp(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """Neither entries that nobody would take any more, nor leases that would keep those waiting who ask afterwards."""
    cache = await open_cache(redis_server.url)
    owned = [KEYS.entry(kind, "user1") for kind in OWNED]
    for key in (*owned, SHARED):
        put(cache, key, b"value")
    with redis_server.client() as client:
        for key in owned:
            client.set(KEYS.lease(key), b"somebody", px=60_000)
        while client.exists(*owned, SHARED) < len(owned) + 1:
            await asyncio.sleep(0.001)
        await purge(cache, "user1")
        stamps = {where(tag) for tag in ("user:user1", "user:*") for where in (KEYS.stamp, KEYS.mark)}
        assert {key.decode() for key in client.keys("*")} == {KEYS.generation, SHARED, *stamps}


async def test_a_purge_beats_a_load_in_flight(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """What another process had begun to load before is kept nowhere, even if it arrives in Redis afterwards."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    assert await far(other, KEY) is None
    loading = other.issue_token(KEY)
    assert await one.purge_tags(["user:user1"], hard=True)
    write_late(redis_server, KEY, generation_of(redis_server))
    while loading.holds(KEY):
        await asyncio.sleep(0.001)
    assert await found(one, KEY) is None


async def test_a_purge_of_everything_begins_another_generation(
    open_cache: OpenCache, redis_server: RedisServer
) -> None:
    """All entries are outdated at once, in every process, those written late by a load in flight included."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    for key in (KEY, SHARED):
        put(one, key, b"value")
        await until_found(other, key, b"value")
    before = generation_of(redis_server)
    assert await one.purge_all()
    for key in (KEY, SHARED):
        assert await found(one, key) is None
        await until_found(other, key, None)
    write_late(redis_server, SHARED, before)
    assert await far(other, SHARED) is None
    put(other, SHARED, b"new")
    await until_found(one, SHARED, b"new")


async def test_without_redis_a_purge_says_that_others_were_not_told(
    open_cache: OpenCache, redis_server: RedisServer
) -> None:
    """It drops what is here, and is honest about the rest."""
    cache = await open_cache(redis_server.url)
    redis_server.kill()
    await until(cache, up=False)
    put(cache, KEY, b"value")
    assert not await cache.purge_tags(["user:user1"], hard=True)
    assert cache.lookup_near(KEY) is None


async def test_a_stale_entry_is_kept_but_not_served(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """Past its fresh life it is there for whoever asks for it as such, in memory and in Redis."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    put(one, KEY, b"value", fresh=0.001, stale=600)
    while one.lookup_near(KEY) is not None:
        await asyncio.sleep(0.001)
    assert await far(other, KEY) is None
    for cache in (one, other):
        # What is read in the very moment in which it is written may be outdated by the news of that.
        while (entry := (await cache.kept([KEY]))[0]) is None:
            await asyncio.sleep(0.001)
        assert entry.value == b"value"


async def test_a_redis_that_may_not_tell_of_changes_is_read_each_time(
    open_cache: OpenCache, redis_server: RedisServer
) -> None:
    """Where CLIENT TRACKING is forbidden the memory tier is not asked, so nothing outdated is served."""
    with redis_server.client() as client:
        client.execute_command(
            "ACL", "SETUSER", "blind", "on", ">secret", "~*", "&*", "+@all", "-client", "+client|setname"
        )
    url = redis_server.url.replace("redis://", "redis://blind:secret@")
    one, other = await open_cache(url), await open_cache(url)
    assert one.trust is Trust.BLIND
    await put_as_loaded(one, KEY, b"value")
    while await found(other, KEY) != b"value":
        await asyncio.sleep(0.001)
    assert (one.lookup_near(KEY), other.lookup_near(KEY)) == (None, None)
    with redis_server.client() as client:
        client.delete(KEY)
    assert await found(other, KEY) is None


async def test_the_cache_opens_before_redis_does(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """Without Redis the cache opens and works; Redis joins when it comes."""
    redis_server.kill()
    cache = await open_cache(redis_server.url, up=False)
    put(cache, KEY, b"value")
    assert await found(cache, KEY) == b"value"
    redis_server.start()
    await until(cache, up=True)


async def test_closing_leaves_no_task_and_no_connection(redis_server: RedisServer) -> None:
    """After the end nothing of the cache is left, writes under way being finished first."""
    async with make_cache(redis_server.url) as cache:
        await until(cache, up=True)
        put(cache, KEY, b"value")
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    with redis_server.client() as client:
        assert client.exists(KEY)
        while int(client.info("clients")["connected_clients"]) > 1:
            await asyncio.sleep(0.001)


async def test_closing_does_not_wait_for_a_redis_that_is_not_there(loop: object) -> None:
    """A cache whose Redis never came closes all the same."""
    async with make_cache(f"redis://127.0.0.1:{free_port()}/0") as cache:
        assert await found(cache, KEY) is None


async def test_memory_alone_needs_no_redis(open_cache: OpenCache) -> None:
    """An empty address means the memory tier alone."""
    cache = await open_cache("")
    assert cache.redis is None
    put(cache, KEY, b"value")
    assert await found(cache, KEY) == b"value"
    assert await cache.purge_tags(["user:user1"], hard=True)
    assert await found(cache, KEY) is None
