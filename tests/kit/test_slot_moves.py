"""A slot of a cluster is being moved: its keys are misses for a while, and nobody is told what is not so."""

import asyncio
from collections.abc import Iterator
from itertools import chain, combinations

import orjson
import pytest

from shared.cache.cache import Cache, Value
from shared.cache.keys import Keys
from shared.cache.lease import Leases
from shared.cache.loader import Loading, LoadResult
from shared.cache.lookup import LeaseState
from shared.cache.near import Trust
from shared.cache.read_through import ReadThrough
from shared.deadline import Deadline, since_boot
from shared.observing import metrics
from tests.fixtures.log_lines import heard
from tests.fixtures.redis_sets import Cluster
from tests.fixtures.slot_moves import begin_move, moving
from tests.kit.caches import KINDS, OWNED, OpenCache, found, purge, put, until, until_found

KEYS = Keys("bff", KINDS)
KEY = KEYS.entry("profile", "user1")
SOON = 15.0
OF_A_SUBJECT = ("entry", "lease", "stamp")
MOVED = list(chain.from_iterable(combinations(OF_A_SUBJECT, size) for size in range(len(OF_A_SUBJECT) + 1)))


@pytest.fixture
def bypassed() -> Iterator[list[str]]:
    """Why the Redis tier was bypassed, each time."""
    reasons: list[str] = []

    def take(line: bytes) -> None:
        document = orjson.loads(line)
        if document["event"] in {"redis tier bypassed", "background task restarted", "redis cannot be used"}:
            reasons.append(document["error"])

    with heard(take):
        yield reasons


async def give(one: Cache, other: Cache, key: str, value: bytes) -> None:
    """Have ``one`` store what it has loaded after the last purge, and ``other`` find it."""
    while await found(other, key) != value or other.lookup_near(key) is None:
        token = one.issue_token(key, stamps=(await one.lookup_redis(key)).stamps)
        one.put(token, [Value(key, value, one.clock(), 30.0)])
        one.release_token(token)
        await asyncio.sleep(0.001)


async def load(_loading: Loading) -> LoadResult[str]:
    """Load what is newer than all that was there."""
    return LoadResult("loaded", [Value(KEY, b"newer", since_boot(), 30.0)])


async def until_beaten(times: int = 2) -> None:
    """Wait for that many heartbeats."""
    for _ in range(times):
        metrics.cache_redis_lag.set(-1)
        async with asyncio.timeout(SOON):
            while metrics.cache_redis_lag._value.get() == -1:
                await asyncio.sleep(0.005)


async def test_whatever_part_of_a_subject_has_moved(
    open_cache: OpenCache, cluster: Cluster, bypassed: list[str]
) -> None:
    """A look-up is a hit while all is there, else a miss of which nobody waits for another; purges say they failed."""
    one, other = await open_cache(cluster.url), await open_cache(cluster.url)
    subjects = {moved: f"user-{'-'.join(moved)}" for moved in MOVED}
    for subject in subjects.values():
        key = KEYS.entry("profile", subject)
        await purge(one, subject)
        await give(one, other, key, b"value")
        with cluster.primary_of(key).client() as client:
            client.set(KEYS.lease(key), b"another's", px=600_000)
    asker = await open_cache(cluster.url)
    leases = Leases(asker)
    moves = []
    for moved, subject in subjects.items():
        key = KEYS.entry("profile", subject)
        stood = {"entry": key, "lease": KEYS.lease(key), "stamp": KEYS.stamp(f"user:{subject}")}
        moves.append(begin_move(cluster, key))
        moves[-1].move(*(stood[what] for what in moved))
        whole = not moved
        look = await leases.lookup(key)
        assert (look.entry is not None, look.lease) == (
            (True, LeaseState.TAKEN) if whole else (False, LeaseState.NONE)
        ), moved
        if not whole:
            async with ReadThrough[str](asker, 5.0) as through:
                outcome = await through.get(key, Deadline.after(600.0), load)
            assert (outcome.loaded, outcome.entry) == ("loaded", None)
            assert await asker.kept([KEYS.entry("orders", subject)]) == [None]
        assert await leases._is_taken(key) is ("lease" not in moved)
        put(one, key, b"newer")
        put(one, KEYS.entry("user", subject), b"new")
        assert (
            await asker.purge_tags([f"user:{subject}"], hard=True) is False
        )  # leases of other kinds are not there, so they may be elsewhere
    await until_beaten()
    assert (bypassed, asker.trust) == ([], Trust.COHERENT)
    for move in moves:
        move.end()
    for subject in subjects.values():
        key = KEYS.entry("profile", subject)
        async with asyncio.timeout(SOON):
            await purge(asker, subject)
            assert await found(asker, key) is None
            for cache in (one, other):
                await until_found(cache, key, None)
            await give(one, other, key, b"again")


async def test_a_purge_that_says_so_has_reached_all(open_cache: OpenCache, cluster: Cluster) -> None:
    """Of a subject of which everything is still there; then it is moved, and stays purged."""
    one, other = await open_cache(cluster.url), await open_cache(cluster.url)
    await purge(one, "user1")
    keys = [KEYS.entry(kind, "user1") for kind in OWNED]
    for key in keys:
        await give(one, other, key, b"value")
    with cluster.primary_of(KEY).client() as client:
        for key in keys:
            client.set(KEYS.lease(key), b"", px=600_000)
    with moving(cluster, KEY) as move:
        assert await one.purge_tags(["user:user1"], hard=True)
        move.move(KEYS.stamp("user:user1"))
        for key in keys:
            async with asyncio.timeout(SOON):
                await until_found(other, key, None)
            assert await found(one, key) is None
        assert await one.purge_tags(["user:user1"], hard=True) is False
    async with asyncio.timeout(SOON):
        await purge(one, "user1")
        await give(other, one, KEY, b"again")


async def test_the_generation_is_being_moved(open_cache: OpenCache, cluster: Cluster, bypassed: list[str]) -> None:
    """The heartbeat goes on, nothing that was purged comes back, and whoever purges everything is told if it failed."""
    one, other = await open_cache(cluster.url), await open_cache(cluster.url)
    assert await one.purge_all()
    while other.near.generation != one.near.generation:
        await asyncio.sleep(0.001)
    await give(one, other, KEY, b"value")
    with moving(cluster, KEYS.generation) as move:
        await until_beaten()
        assert await found(other, KEY) == b"value"
        assert await one.purge_all()
        async with asyncio.timeout(SOON):
            await until_found(other, KEY, None)
        await give(one, other, KEY, b"second")
        with move.source.client() as client, client.pipeline(transaction=False) as at_once:
            at_once.execute_command("SET", KEYS.generation, b"another")
            at_once.execute_command(*move.command(KEYS.generation))
            assert at_once.execute() == [True, b"OK"]
        async with asyncio.timeout(SOON):
            await until_found(other, KEY, None)
        assert await one.purge_all() is False
        await until_beaten()
        assert await found(other, KEY) is None
        late = await open_cache(cluster.url)
        assert await found(late, KEY) is None
        assert (bypassed, other.trust, late.trust) == ([], Trust.COHERENT, Trust.COHERENT)
    async with asyncio.timeout(SOON):
        while not await one.purge_all():
            await asyncio.sleep(0.001)
        for cache in (other, late):
            await until(cache, up=True)
            await until_found(cache, KEY, None)
        await give(one, other, KEY, b"third")
        await give(other, late, KEY, b"third")
