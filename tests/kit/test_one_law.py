"""What is kept was asked for under a token from before, over a real Redis whose news come as they come."""

import asyncio
from typing import Any

import pytest

from shared.cache.address import parse
from shared.cache.cache import Cache, Value
from shared.cache.keys import Keys
from shared.cache.lookup import LeaseState
from shared.cache.memory import MemoryStore
from shared.cache.near import NearTier
from shared.cache.read_through import ReadThrough
from shared.cache.redis import RedisTier
from shared.cache.topology import topology
from shared.deadline import since_boot
from tests.fixtures.redis_server import RedisServer
from tests.kit.caches import KINDS, OpenCache, far, found, put, until, until_found
from tests.kit.loads import BUDGET, KEY, KEYS, PART, Loads, StartLoads

PRODUCTS = [KEYS.entry("products", f"p{number}") for number in range(3)]
LIFE_SECONDS = 0.09
SOON_MS = 5_000


class AheadMachine:
    """A machine whose clock is ahead of what it was, by less than would be taken for a step of Redis's clock."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """The instant."""
        return since_boot() + self.ahead


def _over(client: Any, *keys: str) -> None:
    """Have keys that are over and that Redis has not noticed to be: it looks for none by itself."""
    client.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    for key in keys:
        client.set(key, b"over", px=1)
    seconds, micros = client.time()
    while client.time() < (seconds, micros + 5_000) and client.time()[0] == seconds:
        pass


async def test_that_the_old_entry_is_over_costs_the_new_one_nothing(
    start_loads: StartLoads, redis_server: RedisServer
) -> None:
    """Redis notices it when it is asked, and tells of it as of a change: the load is kept, and joined, all the same."""
    loads = await start_loads(redis_server.url)
    with redis_server.client() as client:
        for number in range(1, 31):
            client.delete(KEY, PART)
            await until_found(loads.cache, KEY, None)
            _over(client, KEY, PART)
            loads.gate.clear()
            asked = [loads.ask()]
            await loads.under_way(number)
            asked.append(loads.ask())
            await asyncio.sleep(0)
            loads.gate.set()
            outcomes = await asyncio.gather(*asked)
            assert [(outcome.loaded, outcome.stored) for outcome in outcomes] == [(f"load {number}", True)] * 2
            assert loads.cache.lookup_near(KEY) is not None
            while client.get(KEY) is None:
                await asyncio.sleep(0.001)
        assert loads.number == number


@pytest.mark.parametrize("who", ["nobody", "another process", "any client"])
async def test_that_the_old_entry_goes_while_the_new_one_is_loaded_costs_it_nothing(
    open_cache: OpenCache, redis_server: RedisServer, who: str
) -> None:
    """A process may take an entry to be over before Redis does; what it loads then is kept all the same."""
    other, machine, keys = await open_cache(redis_server.url), AheadMachine(), Keys("bff", KINDS)
    near = NearTier(MemoryStore(10), keys, machine)
    tier = RedisTier(topology(parse(redis_server.url)), near, keys, machine, machine=machine)
    async with (
        Cache(near, tier, keys, longest_life=600, clock=machine) as cache,
        ReadThrough[str](cache, BUDGET) as through,
    ):
        await until(cache, up=True)
        loads = Loads(cache, through)
        with redis_server.client() as client:
            put(cache, KEY, b"old", fresh=LIFE_SECONDS)
            while not client.exists(KEY):
                await asyncio.sleep(0)
            machine.ahead = LIFE_SECONDS
            loads.gate.clear()
            asked = loads.ask()
            await loads.under_way()
            while 0 <= client.pttl(KEY) < SOON_MS:
                await (far(other, KEY) if who == "another process" else asyncio.sleep(0.001))
                if who == "any client":
                    client.get(KEY)
            await far(cache, PRODUCTS[0])  # what Redis had to tell has been heard by now
        loads.gate.set()
        assert (await asked).stored
        assert loads.number == 1


async def test_who_waits_for_another_process_is_not_woken_by_that(
    start_loads: StartLoads, redis_server: RedisServer
) -> None:
    """News of the old entry's end reach all who wait for the new one: they go on waiting."""
    one, other = await start_loads(redis_server.url), await start_loads(redis_server.url)
    with redis_server.client() as client:
        client.set(KEYS.lease(KEY), b"somebody", px=60_000)
        client.set(KEY, b"nothing of ours", px=200)
        waiting = other.ask()
        while KEY not in other.cache.near._tokens:
            await asyncio.sleep(0)
        told = _told(client)
        while client.exists(KEY) or _told(client) == told:
            await asyncio.sleep(0.001)
        client.set(KEY, b"nothing of ours", px=1)
        while client.exists(KEY):
            await asyncio.sleep(0.001)
    assert await far(one.cache, KEY) is None  # as a load asks before; by now it has heard of the end as well
    put(one.cache, KEY, b"value")
    outcome = await waiting
    assert outcome.entry is not None
    assert (outcome.entry.value, outcome.joined, other.number) == (b"value", True, 0)


def _told(client: Any) -> int:
    return int(client.info("stats")["expired_keys"])


@pytest.mark.parametrize("key", [KEY, PART])
@pytest.mark.parametrize("how", ["newer", "deleted", "purge", "purge of all"])
async def test_what_is_invalidated_while_it_is_loaded_is_not_kept(
    start_loads: StartLoads, redis_server: RedisServer, key: str, how: str
) -> None:
    """Each key for itself; what another process has stored meanwhile stays, in every memory and in Redis."""
    loads, other = await start_loads(redis_server.url), await start_loads(redis_server.url)
    loads.gate.clear()
    asked = loads.ask()
    await loads.under_way()
    if how == "newer":
        put(other.cache, key, b"newer")
    elif how == "deleted":
        put(other.cache, key, b"soon gone")
        await until_found(loads.cache, key, b"soon gone")
        with redis_server.client() as client:
            client.delete(key)
    else:
        one_or_all = other.cache.purge_all() if how == "purge of all" else other.cache.purge_tags(["user:user1"])
        assert await one_or_all
    while KEY in loads.through._flights:
        await asyncio.sleep(0.001)
    loads.gate.set()
    outcome = await asked
    lost = {KEY, PART} if how.startswith("purge") else {key}
    assert outcome.stored is (KEY not in lost)
    for one in (KEY, PART):
        expected = (b"newer" if how == "newer" else None) if one in lost else b"load 1"
        await until_found(other.cache, one, expected)
        assert await found(loads.cache, one) == expected


@pytest.mark.parametrize("how", ["newer", "deleted"])
async def test_a_load_that_cannot_be_kept_holds_no_lease(
    start_loads: StartLoads, redis_server: RedisServer, how: str
) -> None:
    """Who asks afterwards waits for nobody, in this process either."""
    loads = await start_loads(redis_server.url)
    loads.gate.clear()
    before = loads.ask()
    await loads.under_way()
    lease = KEYS.lease(KEY)
    with redis_server.client() as client:
        assert client.exists(lease)
        client.set(KEY, b"whatever")
        if how == "deleted":
            client.delete(KEY)
        while client.exists(lease):
            await asyncio.sleep(0.001)
        after = loads.ask()
        await loads.under_way(2)
        assert client.exists(lease)
        loads.gate.set()
        assert [outcome.loaded for outcome in (await before, await after)] == ["load 1", "load 2"]
        while client.exists(lease):
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("how", ["changed", "purged", "flushed"])
async def test_what_is_outdated_on_its_way_here_is_not_given(
    open_cache: OpenCache, redis_server: RedisServer, how: str
) -> None:
    """Redis has answered, and told of a change right after it: it is looked at once more."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    put(one, KEY, b"old")
    await until_found(other, KEY, b"old")
    other.near.drop(KEY)
    looking = asyncio.ensure_future(other.lookup_redis(KEY, ("SET", KEYS.lease(KEY), b"me", "NX", "PX", 10_000)))
    for _ in range(2):  # it is asked in one turn of the loop, and sent in the next
        await asyncio.sleep(0)
    with redis_server.client() as client:
        while not client.exists(KEYS.lease(KEY)):  # this loop does not turn meanwhile: the answer is not read yet
            pass
        if how == "changed":
            client.set(KEY, b"nothing of ours")
        elif how == "purged":
            client.set(KEYS.stamp("user:user1"), b"12345678")
        else:
            client.flushall()
        client.ping()
    look = await looking
    assert (look.entry, look.lease) == (None, LeaseState.HELD)
    assert other.lookup_near(KEY) is None


async def test_a_batch_loses_what_is_invalidated_and_keeps_the_rest(
    open_cache: OpenCache, redis_server: RedisServer
) -> None:
    """Things that many share are asked for together, and each stands for itself."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    lost: list[str | None] = []
    token = one.issue_token(*PRODUCTS, on_loss=lost.append)
    asked_at = one.clock()
    put(other, PRODUCTS[1], b"newer")
    while not lost:
        await asyncio.sleep(0.001)
    assert lost == [PRODUCTS[1]]
    one.put(token, [Value(key, b"older", asked_at, 30.0) for key in PRODUCTS])
    one.release_token(token)
    for key, expected in zip(PRODUCTS, [b"older", b"newer", b"older"], strict=True):
        await until_found(one, key, expected)
        await until_found(other, key, expected)


async def test_a_purge_of_everything_takes_every_token(open_cache: OpenCache, redis_server: RedisServer) -> None:
    """Also one that stands for no key in particular, by whichever process it is purged."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    tokens = [one.issue_token(), one.issue_token(KEY), one.issue_token(*PRODUCTS)]
    assert await other.purge_all()
    while tokens[0].alive:
        await asyncio.sleep(0.001)
    for token in tokens:
        one.put(token, [Value(KEY, b"outdated", one.clock(), 30.0)])
        one.release_token(token)
    assert await found(one, KEY) is None
