"""The cache over Sentinel, Cluster and TLS: what holds over one plain Redis holds there too, fail-overs included."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.cache.cache import Cache
from shared.cache.keys import Keys
from shared.cache.near import Trust
from tests.fixtures.redis_sets import Cluster, Node, RedisSet, SentinelSet
from tests.kit.caches import KINDS, OWNED, OpenCache, found, purge, put, share, until, until_found

KEYS = Keys("bff", KINDS)
KEY = KEYS.entry("profile", "user1")
SUBJECTS = [f"user{number}" for number in range(60)]
SOON = 15.0
"""Seconds in which news of a change have to be here: half of the time after which entries would expire unasked. They
take a millisecond where the machine is not busy."""
FAIL_OVER_SECONDS = 60
FOLLOW_SECONDS = 7
"""In which a cache has followed to a new master; the old one is told that it is none after 8 to 20."""


@asynccontextmanager
async def load_on(cache: Cache) -> AsyncIterator[list[str]]:
    """Callers who read and write all the time; whatever is raised to one of them is raised at the end."""
    trusted: list[str] = []

    async def call(number: int) -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            key = KEYS.entry("profile", f"busy{number}-{turn % 7}")
            await found(cache, key)
            put(cache, key, b"value", stale=60)
            await cache.kept([key, KEYS.entry("user", f"busy{number}")])
            if trusted[-1:] != [cache.trust.value]:
                trusted.append(cache.trust.value)
            await asyncio.sleep(0.001)

    over = asyncio.Event()
    async with asyncio.TaskGroup() as callers:
        for number in range(10):
            callers.create_task(call(number))
        try:
            yield trusted
        finally:
            over.set()


async def until_promoted(redis: SentinelSet, old: Node) -> None:
    """Wait until most Sentinels know another master, and it takes itself for one."""
    while redis.master is old or redis.master.replicas is None:
        await asyncio.sleep(0.02)


async def test_what_one_stores_the_other_finds_and_hears_change(open_cache: OpenCache, redis_set: RedisSet) -> None:
    """An entry is shared; whoever overwrites or deletes it on its node, the memory of both drops it at once."""
    one, other = await open_cache(redis_set.url), await open_cache(redis_set.url)
    assert (one.trust, other.trust) == (Trust.COHERENT, Trust.COHERENT)
    for meddle in ("SET", "DEL"):
        await share(one, other, KEY, b"value")
        with redis_set.holder(KEY) as client:
            client.execute_command(meddle, KEY, *(["x"] if meddle == "SET" else []))
        async with asyncio.timeout(SOON):
            while one.lookup_near(KEY) is not None or other.lookup_near(KEY) is not None:
                await asyncio.sleep(0.001)
        assert (await found(one, KEY), await found(other, KEY)) == (None, None)


async def test_purges_reach_every_process(open_cache: OpenCache, redis_set: RedisSet) -> None:
    """A purge of a subject, and one of everything, whatever the node on which its entries stand."""
    one, other = await open_cache(redis_set.url), await open_cache(redis_set.url)
    keys = {subject: KEYS.entry("profile", subject) for subject in SUBJECTS}
    for key in keys.values():
        await share(one, other, key, b"value")
    for subject in SUBJECTS[:10]:
        await purge(one, subject)
    async with asyncio.timeout(SOON):
        for subject in SUBJECTS[:10]:
            await until_found(other, keys[subject], None)
    for subject in SUBJECTS[10:]:
        await until_found(other, keys[subject], b"value")
    while not await other.purge_all():
        await asyncio.sleep(0.001)
    async with asyncio.timeout(SOON):
        for key in keys.values():
            await until_found(one, key, None)


async def test_a_killed_master_is_replaced(open_cache: OpenCache, sentinel_set: SentinelSet) -> None:
    """Memory serves meanwhile; the cache finds the promoted replica by itself, and nobody is the wiser."""
    one, other = await open_cache(sentinel_set.url), await open_cache(sentinel_set.url)
    async with load_on(one) as trusted, asyncio.timeout(FAIL_OVER_SECONDS):
        master = sentinel_set.master
        master.kill()
        await until(one, up=False)
        put(one, KEY, b"alone")
        assert await found(one, KEY) == b"alone"
        await until_promoted(sentinel_set, master)
        await until(one, up=True)
        await until(other, up=True)
        while trusted[-1] != "coherent":
            await asyncio.sleep(0.001)
    await share(one, other, KEY, b"again")
    with sentinel_set.master.client() as client:
        assert client.exists(KEY)


async def test_a_planned_fail_over_is_followed(open_cache: OpenCache, sentinel_set: SentinelSet) -> None:
    """The cache moves to the new master although the old one still answers as one, for many seconds."""
    one, other = await open_cache(sentinel_set.url), await open_cache(sentinel_set.url)
    async with load_on(one), asyncio.timeout(FAIL_OVER_SECONDS):
        master = sentinel_set.master
        sentinel_set.fail_over()
        await until_promoted(sentinel_set, master)
    async with asyncio.timeout(FOLLOW_SECONDS):
        late = await open_cache(sentinel_set.url)
        with sentinel_set.master.client() as client:
            while len([c for c in client.client_list() if c["name"] == "profile-gateway"]) < 3:
                await asyncio.sleep(0.001)
        for cache in (one, other, late):
            await until(cache, up=True)
    await share(late, one, KEY, b"value")
    await until_found(other, KEY, b"value")
    await purge(one, "user1")
    async with asyncio.timeout(SOON):
        await until_found(late, KEY, None)


async def test_one_sentinel_that_answers_is_enough(open_cache: OpenCache, sentinel_set: SentinelSet) -> None:
    """Of three, two hang: the third one is asked in time."""
    for sentinel in sentinel_set.sentinels[:2]:
        sentinel.signal(signal.SIGSTOP)
    async with asyncio.timeout(SOON):
        assert (await open_cache(sentinel_set.url)).trust is Trust.COHERENT


async def test_keys_are_on_all_nodes_of_a_cluster(open_cache: OpenCache, cluster: Cluster) -> None:
    """Each subject's entries stand on the primary that has its slot, and every primary has some."""
    cache, other = await open_cache(cluster.url), await open_cache(cluster.url, entries=len(SUBJECTS) * len(OWNED))
    for subject in SUBJECTS:
        for kind in OWNED:
            await share(cache, other, KEYS.entry(kind, subject), f"{kind} of {subject}".encode())
    primaries = [node for node in cluster.nodes if node.replicas is not None]
    assert sum(len(node.ask("KEYS", f"{KEYS.prefix}*{{*")) for node in primaries) == len(SUBJECTS) * len(OWNED)
    assert min(len(node.ask("KEYS", f"{KEYS.prefix}*{{*")) for node in primaries) > 0
    keys = {KEYS.entry(kind, subject): f"{kind} of {subject}".encode() for subject in SUBJECTS for kind in OWNED}
    third, absent = await open_cache(cluster.url), KEYS.entry("profile", "nobody")
    for reader in (cache, third):  # who has most of it in memory, and who asks all nodes at once
        *kept, nothing = await reader.kept([*keys, absent])
        assert ([entry and entry.value for entry in kept], nothing) == ([*keys.values()], None)


async def test_a_killed_primary_of_a_cluster_is_replaced(open_cache: OpenCache, cluster: Cluster) -> None:
    """Memory alone serves meanwhile, other nodes' keys included; the cache goes on once the replica took over."""
    one, other = await open_cache(cluster.url), await open_cache(cluster.url)
    async with load_on(one) as trusted, asyncio.timeout(FAIL_OVER_SECONDS):
        primary = cluster.primary_of(KEY)
        primary.kill()
        await until(one, up=False)
        put(one, KEY, b"alone")
        assert await found(one, KEY) == b"alone"
        await until(one, up=True)
        await until(other, up=True)
        while trusted[-1] != "coherent":
            await asyncio.sleep(0.001)
    assert cluster.primary_of(KEY) is not primary
    await share(one, other, KEY, b"again")
