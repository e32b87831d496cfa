"""Tags in both tiers: what carries one is outdated everywhere when it is purged, and stays so."""

import asyncio

import pytest

from shared.cache.build import build_cache
from shared.cache.cache import Cache, Value
from shared.cache.kind import Kind, Rules
from shared.cache.near import Trust
from shared.cache.tags import MAX_TAGS, bounded
from tests.fixtures.redis_server import RedisServer
from tests.kit.caches import until, until_found

TTL, STALE = 1_000.0, 5_000.0


def _kind(name: str, kept: float, tag: str | None) -> Kind:
    rules = Rules(lambda _subject, data: data, TTL, kept)
    return Kind(name, rules, rules, tag=tag)


KINDS = (_kind("whole", TTL, "user"), _kind("thing", STALE, "product"), _kind("loose", STALE, None))


class _Caches:
    """Caches over one Redis, of kinds with and without tags; closed in the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.every: list[Cache] = []

    async def open(self) -> Cache:
        cache = build_cache(self.url, 1_000, kinds=KINDS, longest_life=STALE)
        self.every.append(await cache.__aenter__())
        await until(cache, up=bool(self.url))
        return cache

    async def close(self) -> None:
        for cache in self.every:
            await cache.__aexit__(None, None, None)


async def _put(cache: Cache, kind: str, subject: str, *tags: str) -> str:
    """Keep a value as a load does: its own stamps are looked up before, those of further tags are read when needed."""
    key = cache.keys.entry(kind, subject)
    stamps = (await cache.lookup_redis(key)).stamps
    token = cache.issue_token(key, stamps=stamps)
    cache.tag_token(token, key, tags)
    await cache.read_stamps(token)
    stale = STALE if kind != "whole" else 0.0
    cache.put(token, [Value(key, kind.encode(), cache.clock(), TTL, stale, tags=bounded(tags))])
    cache.release_token(token)
    return key


async def _until_kept_in_redis(cache: Cache, *keys: str) -> None:
    """Wait until a cache that has nothing in memory finds them."""
    for key in keys:
        await until_found(cache, key, key.split(":")[1].encode())


async def _status(cache: Cache, key: str) -> str:
    """What is kept under ``key``, wherever."""
    (entry,) = await cache.kept([key])
    if entry is None:
        return "gone"
    return "fresh" if entry.is_fresh(cache.clock()) else "stale"


async def _until(cache: Cache, key: str, status: str) -> None:
    while await _status(cache, key) != status:
        await asyncio.sleep(0.001)


def _blind(server: RedisServer) -> str:
    """The address for a user to whom Redis tells of no changes."""
    with server.client() as client:
        client.execute_command(
            "ACL", "SETUSER", "blind", "on", ">secret", "~*", "&*", "+@all", "-client", "+client|setname"
        )
    return server.url.replace("redis://", "redis://blind:secret@")


PURGES = [
    ("product:p1", False, ["gone", "stale", "fresh", "fresh"]),
    ("product:p1", True, ["gone", "gone", "fresh", "fresh"]),
    ("user:u1", False, ["gone", "fresh", "fresh", "fresh"]),
    ("colour:red", False, ["fresh", "fresh", "fresh", "stale"]),
    ("colour:red", True, ["fresh", "fresh", "fresh", "gone"]),
    ("product:p3", True, ["fresh", "fresh", "fresh", "fresh"]),
]


@pytest.mark.parametrize("purge", PURGES, ids=str)
@pytest.mark.parametrize("where", ["redis_server", "cluster", "no Redis"])
async def test_what_carries_a_tag_is_outdated_everywhere(
    loop: object, request: pytest.FixtureRequest, where: str, purge: tuple[str, bool, list[str]]
) -> None:
    """In the process that purges, in one that has it in memory, and in one that finds it in Redis afterwards."""
    tag, hard, statuses = purge
    caches = _Caches("" if where == "no Redis" else request.getfixturevalue(where).url)
    one = await caches.open()
    keys = [
        await _put(one, "whole", "u1", "product:p1", "product:p2"),
        await _put(one, "thing", "p1"),
        await _put(one, "thing", "p2"),
        await _put(one, "loose", "x", "colour:red"),
    ]
    others = [one]
    if caches.url:
        others.append(await caches.open())
        await _until_kept_in_redis(others[-1], *keys)
    assert await one.purge_tags([tag], hard=hard)
    if caches.url:
        others.append(await caches.open())
    for cache in others:
        for key, status in zip(keys, statuses, strict=True):
            await _until(cache, key, status)
            assert (cache.lookup_near(key) is not None) is (status == "fresh")
    for cache in others:
        for key, status in zip(keys, statuses, strict=True):
            assert await _status(cache, key) == status
    await caches.close()


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("by", ["one", "other"])
async def test_a_load_in_flight_brings_nothing_back(
    loop: object, redis_server: RedisServer, by: str, hard: bool
) -> None:
    """Whatever it depends on, whoever purges, and whether or not its write has left when the purge comes."""
    caches = _Caches(redis_server.url)
    one, other = await caches.open(), await caches.open()
    key = one.keys.entry("whole", "u1")
    await one.lookup_redis(key)
    token = one.issue_token(key)
    one.tag_token(token, key, ["product:p1"])
    asked_at = one.clock()
    assert await {"one": one, "other": other}[by].purge_tags(["product:p1"], hard=hard)
    while token.holds(key):
        await asyncio.sleep(0.001)
    one.put(token, [Value(key, b"old", asked_at, TTL, tags=("product:p1",))])
    one.release_token(token)
    await _put(one, "thing", "p9")
    await _until_kept_in_redis(other, one.keys.entry("thing", "p9"))
    for cache in (one, other):
        assert await _status(cache, key) == "gone"
    await caches.close()


async def test_what_is_written_late_bears_the_stamps_of_when_it_was_asked_for(
    loop: object, redis_server: RedisServer
) -> None:
    """A write that a purge by another overtakes is worth nothing, to anybody."""
    caches = _Caches(redis_server.url)
    one, other = await caches.open(), await caches.open()
    await _put(one, "whole", "u2", "product:p1")  # its stamps are known from now on
    key = one.keys.entry("whole", "u1")
    await one.lookup_redis(key)
    token = one.issue_token(key)
    one.put(token, [Value(key, b"old", one.clock(), TTL, tags=("product:p1",))])
    purging = asyncio.ensure_future(other.purge_tags(["product:p1"]))  # both leave in this turn of the loop
    assert await purging
    one.release_token(token)
    for cache in (one, other, await caches.open()):
        await _until(cache, key, "gone")
    await caches.close()


async def test_more_tags_than_fit_are_one_for_all_of_a_name(loop: object, redis_server: RedisServer) -> None:
    """Nothing that is purged is missed, in memory or in Redis."""
    caches = _Caches(redis_server.url)
    one, other = await caches.open(), await caches.open()
    tags = [f"product:p{number}" for number in range(MAX_TAGS + 1)]
    key = await _put(one, "whole", "u1", *tags)
    few = await _put(one, "whole", "u2", *tags[1:])
    await _until_kept_in_redis(other, key, few)
    assert await other.purge_tags(tags[:1])
    for cache in (one, other, await caches.open()):
        await _until(cache, key, "gone")
        assert await _status(cache, few) == "fresh"
    await caches.close()


async def test_who_is_told_of_nothing_asks_each_time(loop: object, redis_server: RedisServer) -> None:
    """Where CLIENT TRACKING is forbidden stamps are read before the value is asked for, and with it."""
    caches = _Caches(_blind(redis_server))
    one, other = await caches.open(), await caches.open()
    assert one.trust is Trust.BLIND
    keys = [await _put(one, "whole", "u1", "product:p1"), await _put(one, "thing", "p1")]
    for key in keys:
        await _until(other, key, "fresh")
    late = one.keys.entry("whole", "u2")
    token = one.issue_token(late, stamps=(await one.lookup_redis(late)).stamps)
    one.tag_token(token, late, ["product:p1"])
    await one.read_stamps(token)
    assert await other.purge_tags(["product:p1"])
    one.put(token, [Value(late, b"old", one.clock(), TTL, tags=("product:p1",))])
    one.release_token(token)
    keys.append(await _put(one, "whole", "u3", "product:p1"))
    for cache in (one, other):
        for key, status in zip((*keys, late), ("gone", "stale", "fresh", "gone"), strict=True):
            await _until(cache, key, status)
    await caches.close()


async def test_who_is_told_of_nothing_keeps_what_has_more_tags_than_fit(
    loop: object, redis_server: RedisServer
) -> None:
    """The one that stands for all of a name is known from before the first of them was asked for."""
    caches = _Caches(_blind(redis_server))
    one, other = await caches.open(), await caches.open()
    tags = [f"product:p{number}" for number in range(MAX_TAGS + 1)]
    key = await _put(one, "whole", "u1", *tags)
    await _until(other, key, "fresh")
    late = one.keys.entry("whole", "u2")
    token = one.issue_token(late, stamps=(await one.lookup_redis(late)).stamps)
    one.tag_token(token, late, tags[:1])
    await one.read_stamps(token)
    assert await other.purge_tags(tags[:1])
    one.tag_token(token, late, tags[1:])
    await one.read_stamps(token)
    one.put(token, [Value(late, b"old", one.clock(), TTL, tags=bounded(tags))])
    one.release_token(token)
    await _put(one, "loose", "x")
    await _until(other, one.keys.entry("loose", "x"), "fresh")
    for cache in (one, other):
        assert [await _status(cache, name) for name in (key, late)] == ["gone", "gone"]
    await caches.close()


async def test_what_is_read_while_a_purge_finds_garbage_is_purged_too(loop: object, redis_server: RedisServer) -> None:
    """The purge begins once more then, for everything that has been read since it began."""
    caches = _Caches(redis_server.url)
    cache = await caches.open()
    with redis_server.client() as client:
        client.rpush(cache.keys.stamp("product:p1"), "garbage")
    key = await _put(cache, "thing", "p1")
    await _until_kept_in_redis(await caches.open(), key)
    cache.near.drop(key)
    purging = asyncio.ensure_future(cache.purge_tags(["product:p1"]))
    await asyncio.sleep(0)  # it has been sent
    await cache.lookup_redis(key)
    assert await purging
    for one in caches.every:
        await _until(one, key, "gone")
    again = await _put(cache, "thing", "p1")
    await _until(await caches.open(), again, "fresh")
    await caches.close()


async def test_a_purge_that_could_not_be_told_says_so(loop: object, redis_server: RedisServer) -> None:
    """It counts here all the same."""
    caches = _Caches(redis_server.url)
    cache = await caches.open()
    redis_server.kill()
    await until(cache, up=False)
    key = await _put(cache, "whole", "u1", "product:p1")
    assert cache.lookup_near(key) is not None
    assert not await cache.purge_tags(["product:p1"])
    assert cache.lookup_near(key) is None
    await caches.close()
