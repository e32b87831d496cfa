"""A process that starts has in memory what others are asked for, and nothing that it should not have."""

import asyncio
import json
import random
import signal
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis import Redis

from shared.cache.cache import Cache
from shared.cache.entry import NO_STAMP, StoredEntry
from shared.cache.keys import Keys
from shared.cache.stamps import NEVER
from shared.cache.warming import MAX_ENTRIES, MAX_SECONDS, PAGE, Warming
from tests.fixtures.log_lines import heard
from tests.fixtures.odd_redis import OddRedis
from tests.fixtures.processes import free_port
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.redis_sets import LOCAL, RedisSet
from tests.fixtures.redis_users import address, documented, make_user
from tests.fixtures.stored_entries import stored_now
from tests.kit.caches import KINDS, OpenCache, far, make_cache, put, until, waited

KEYS = Keys("bff", KINDS)


def _key(number: int) -> str:
    return KEYS.entry("profile", f"user{number}")


async def _fill(cache: Cache, count: int, *, fresh: float = 600.0) -> list[str]:
    """Keep so many entries in both tiers; their keys, the hottest first."""
    keys = [_key(number) for number in range(count)]
    for start in range(0, count, PAGE):
        missing = keys[start : start + PAGE]
        while missing:  # what is lost on a busy machine is written again
            for key in missing:
                put(cache, key, b"value", fresh=fresh)
            assert cache.redis is not None
            found = await cache.redis.read(missing, cache.issue_token(*missing))
            missing = [key for key, entry in zip(missing, found, strict=True) if entry is None]
    for key in keys:
        cache.near.fresh(key)
    return keys[::-1]


async def _warmed(cache: Cache) -> dict[str, Any]:
    """What is logged of warming ``cache``."""
    lines: list[bytes] = []
    with heard(lines.append):
        async with Warming(cache):
            pass
    (told,) = (line for line in map(json.loads, lines) if line["event"] == "cache warmed")
    assert isinstance(told, dict)
    return told


def _told(client: "Redis") -> list[str]:
    """The keys that have been told, in order."""
    pages = [client.get(KEYS.hot(str(number))) for number in range(MAX_ENTRIES // PAGE)]
    return [key for page in pages if page is not None for key in json.loads(page)]


async def test_what_one_was_asked_for_last_the_next_one_has(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """The hottest are used up last, and nothing counts as a lookup."""
    one = await open_cache(redis_server.url, 1000)
    hottest = await _fill(one, 250)
    await Warming(one).tell()
    other = await open_cache(redis_server.url, 1000)
    told = await _warmed(other)
    assert (told["level"], told["entries"]) == ("info", 250)
    assert told["seconds"] >= 0
    assert other.near.store.hottest(1000, other.clock()) == hottest
    assert [await far(other, key) is not None for key in hottest[:1]] == [True]


async def test_it_holds_whatever_redis_there_is(open_cache: OpenCache, redis_set: RedisSet) -> None:
    """With Sentinels, in a cluster, behind TLS."""
    one = await open_cache(redis_set.url, 1000)
    hottest = await _fill(one, 150)
    await Warming(one).tell()
    other = await open_cache(redis_set.url, 1000)
    assert (await _warmed(other))["entries"] == 150
    assert all(other.lookup_near(key) is not None for key in hottest)


async def test_one_process_tells_for_all(open_cache: OpenCache, redis_server: RedisServer, meddler: "Redis") -> None:
    """Who has told keeps others from it for a while; nobody is told of these keys as of changes."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    put(one, _key(1), b"value")
    put(other, _key(2), b"value")
    while one.near.store.hottest(9, one.clock()) != [_key(1)]:  # it was heard of what the other one has put
        put(one, _key(1), b"value")
        await asyncio.sleep(0.001)
    await Warming(one).tell()
    await Warming(other).tell()
    assert _told(meddler) == [_key(1)]
    assert not meddler.keys("bff:hot*")
    assert 0 < meddler.pttl(KEYS.hot("turn")) < meddler.pttl(KEYS.hot("0"))


async def test_the_bounds_hold(open_cache: OpenCache, redis_server: RedisServer, meddler: "Redis") -> None:
    """So many keys are told and taken; of those that memory has no room for the hottest stay."""
    one = await open_cache(redis_server.url, MAX_ENTRIES * 2)
    hottest = await _fill(one, MAX_ENTRIES + PAGE)
    await Warming(one).tell()
    assert _told(meddler) == hottest[:MAX_ENTRIES]
    small = await open_cache(redis_server.url, 130)
    assert (await _warmed(small))["entries"] == 130
    assert small.near.store.hottest(1000, small.clock()) == hottest[:130]


async def test_what_is_not_fresh_is_neither_told_nor_taken(
    open_cache: OpenCache, redis_server: RedisServer, meddler: "Redis"
) -> None:
    """What may stand in for something is there to be read when it has to."""
    one = await open_cache(redis_server.url)
    put(one, _key(1), b"value")
    put(one, _key(2), b"value", fresh=0, stale=600)
    await Warming(one).tell()
    assert _told(meddler) == [_key(1)]
    for number, ago in enumerate([31.0, 29.0, 601.0]):
        stored = stored_now(meddler, StoredEntry(NO_STAMP, NEVER, 0, 30_000, 600_000, b"value"), ago)
        meddler.set(_key(number), stored.to_bytes(_key(number)))
    meddler.set(KEYS.hot("0"), json.dumps([_key(number) for number in range(4)]))
    other = await open_cache(redis_server.url)
    assert (await _warmed(other))["entries"] == 1
    assert other.near.store.hottest(9, other.clock()) == [_key(1)]
    assert len(other.near.store) == 1


async def test_a_purge_while_it_warms_is_not_lost(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """Of one subject, of all by any client, or of everything: nothing that was purged is in memory afterwards."""
    one = await open_cache(redis_server.url, 5000)
    keys = await _fill(one, 2000)
    await Warming(one).tell()
    purged: list[str] = []

    async def purge() -> None:
        for key in random.sample(keys, 60):
            while not await one.purge_tags(KEYS.tags(key), hard=True):
                await asyncio.sleep(0)
            purged.append(key)

    async with AsyncExitStack() as ends:
        other = await open_cache(redis_server.url, 5000)
        purging = asyncio.create_task(purge())
        await ends.enter_async_context(Warming(other))
        await purging
        for key in purged:
            assert await far(other, key) is None
        assert [key for key in purged if other.lookup_near(key) is not None] == []
        assert other.lookup_near(next(key for key in keys if key not in purged)) is not None


async def test_what_was_purged_before_is_not_taken(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """Its key is told still."""
    one = await open_cache(redis_server.url)
    await _fill(one, 3)
    await Warming(one).tell()
    assert await one.purge_tags(["user:user1"], hard=True)
    other = await open_cache(redis_server.url)
    assert (await _warmed(other))["entries"] == 2
    assert await one.purge_all()
    third = await open_cache(redis_server.url)
    assert (await _warmed(third))["entries"] == 0


@pytest.mark.parametrize(
    "page",
    [
        b"", b"garbage", b"{}", b"[1]", b'["no key", "bff:", "bff:profile:00000000:{user1}", "{}", "bff:generation"]',
        b"[" * 100_000, b'"' + b"x" * 2_000_000 + b'"', json.dumps([f"x{number}" for number in range(50_000)]).encode(),
    ],
)  # fmt: skip
async def test_garbage_warms_nothing(
    open_cache: OpenCache, redis_server: RedisServer, meddler: "Redis", page: bytes
) -> None:
    """Whatever somebody has written there; the page behind it is read."""
    one = await open_cache(redis_server.url)
    put(one, _key(1), b"value")
    while await far(one, _key(1)) is None:
        await asyncio.sleep(0.001)
    meddler.set(KEYS.hot("0"), page)
    meddler.set(KEYS.hot("1"), json.dumps([_key(1)]))
    other = await open_cache(redis_server.url)
    assert (await _warmed(other))["entries"] == 1


async def test_another_type_warms_nothing(open_cache: OpenCache, redis_server: RedisServer, meddler: "Redis") -> None:
    """Nor does it keep anybody from telling."""
    meddler.lpush(KEYS.hot("0"), "x")
    cache = await open_cache(redis_server.url)
    assert (await _warmed(cache))["entries"] == 0
    put(cache, _key(1), b"value")
    await Warming(cache).tell()
    assert _told(meddler) == [_key(1)]


@pytest.mark.parametrize("without", ["~bff.hot:*", "+client|tracking"])
async def test_a_user_who_may_not_costs_the_warmth(
    open_cache: OpenCache, redis_server: RedisServer, without: str
) -> None:
    """It is said once, and Redis is used all the same."""
    one = await open_cache(redis_server.url)
    await _fill(one, 3)
    await Warming(one).tell()
    with redis_server.client() as client:
        make_user(client, [word for word in documented() if word != without])
    cache = await open_cache(address(redis_server.port))
    lines: list[bytes] = []
    with heard(lines.append):
        async with Warming(cache) as warming:
            put(cache, _key(7), b"value")
            for _ in range(3):
                await warming.tell()
    events = [json.loads(line)["event"] for line in lines]
    assert events.count("redis refuses hot keys") == (1 if "hot" in without else 0)
    assert events.count("cache warmed") == 1
    assert len(cache.near.store) == 1
    assert cache.redis is not None
    assert cache.redis.up


async def test_without_redis_nothing_is_waited_for(loop: object) -> None:
    """Where none is configured, or nobody listens."""
    for url in ("", f"redis://{LOCAL}:{free_port()}/0"):
        async with waited() as seconds, make_cache(url) as cache, Warming(cache) as warming:
            put(cache, _key(1), b"value")
            await warming.tell()
            assert seconds() < MAX_SECONDS


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_redis_that_hangs_costs_a_bounded_time(
    open_cache: OpenCache, redis_server: RedisServer, when: str
) -> None:
    """It serves what it has got by then."""
    one = await open_cache(redis_server.url)
    await _fill(one, 3)
    await Warming(one).tell()
    if when == "before":
        redis_server.signal(signal.SIGSTOP)
    try:
        async with make_cache(redis_server.hasty_url) as cache:
            if when == "meanwhile":
                await until(cache, up=True)
                redis_server.signal(signal.SIGSTOP)
            async with waited() as seconds:
                assert (await _warmed(cache))["entries"] == 0
                assert seconds() < MAX_SECONDS + 0.5
    finally:
        redis_server.signal(signal.SIGCONT)


async def test_a_redis_that_says_strange_things_costs_the_warmth(open_cache: OpenCache, odd_redis: OddRedis) -> None:
    """A reply of a type that no page has."""
    cache = await open_cache(odd_redis.url)
    odd_redis.odd["GET"] = b":7\r\n"
    assert (await _warmed(cache))["entries"] == 0
