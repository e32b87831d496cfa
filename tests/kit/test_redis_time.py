"""How old an entry is, whatever is done to Redis and its clock meanwhile."""

import asyncio
import signal

import pytest

from shared.cache.address import parse
from shared.cache.cache import Cache
from shared.cache.keys import Keys
from shared.cache.memory import MemoryStore
from shared.cache.near import NearTier, Trust
from shared.cache.redis import RedisTier
from shared.cache.topology import topology
from shared.deadline import since_boot
from tests.fixtures.redis_server import RedisServer, SteppingRedis
from tests.kit.caches import KINDS, OpenCache, far, put, share, until, until_found

KEYS = Keys("bff", KINDS)
KEY, PART = KEYS.entry("profile", "user1"), KEYS.entry("user", "user1")


async def test_what_lay_in_the_socket_of_a_hanging_redis_is_as_old_as_it_is(
    open_cache: OpenCache, redis_server: RedisServer
) -> None:
    """It is stored when Redis wakes, and its life is over by then."""
    cache = await open_cache(redis_server.hasty_url)
    assert cache.redis is not None
    assert await far(cache, KEY) is None  # as a load asks before, which learns the stamps that go with it
    redis_server.signal(signal.SIGSTOP)
    try:
        asked_at = cache.clock()
        put(cache, KEY, b"value", fresh=0.4, stale=600)
        while cache.clock() < asked_at + 0.4:
            await asyncio.sleep(0.001)
        assert not cache.redis.up
    finally:
        redis_server.signal(signal.SIGCONT)
    with redis_server.client() as client:
        while not client.exists(KEY):
            await asyncio.sleep(0.001)
    other = await open_cache(redis_server.url)
    assert await far(other, KEY) is None
    (entry,) = await other.kept([KEY])
    assert entry is not None
    assert asked_at - 0.3 < entry.asked_at <= asked_at + 0.1


class _Stopping:
    """A machine of which a process can be stopped for a while: entries and Redis's clock are told by it."""

    def __init__(self) -> None:
        self.stopped = 0.0

    def __call__(self) -> float:
        return since_boot() + self.stopped


async def test_an_answer_that_is_read_late_is_as_old_as_it_is(
    open_cache: OpenCache, redis_server: RedisServer, loop: object
) -> None:
    """A process, or a machine, was stopped between Redis's answer and its reading."""
    one, machine = await open_cache(redis_server.url), _Stopping()
    put(one, KEY, b"value", fresh=30, stale=600)
    await until_found(one, KEY, b"value")
    keys = Keys("bff", KINDS)
    near = NearTier(MemoryStore(10), keys, machine)
    tier = RedisTier(topology(parse(redis_server.url)), near, keys, machine, machine=machine)
    async with Cache(near, tier, keys, longest_life=600, clock=machine) as cache:
        await until(cache, up=True)
        while await far(cache, KEY) is None:
            await asyncio.sleep(0.001)
        near.drop(KEY)
        looking = asyncio.ensure_future(cache.lookup_redis(KEY))
        for _ in range(2):  # it is asked in one turn of the loop, and sent in the next
            await asyncio.sleep(0)
        machine.stopped = 20.0
        entry = (await looking).entry
        assert entry is not None
        assert machine() - entry.asked_at >= 20
        near.drop(KEY)
        looking = asyncio.ensure_future(cache.lookup_redis(KEY))
        for _ in range(2):
            await asyncio.sleep(0)
        machine.stopped = 31.0
        assert (await looking).entry is None


@pytest.mark.faketime
@pytest.mark.parametrize("seconds", [-0.6, -10.0, -3_600.0])
@pytest.mark.parametrize("when", ["connected", "away"])
async def test_a_clock_of_redis_that_is_set_back_makes_nothing_younger(
    open_cache: OpenCache, stepping_redis: SteppingRedis, seconds: float, when: str
) -> None:
    """What was stored before is of no use any more, to nobody; what is stored afterwards is as old as it is."""
    one, other = await open_cache(stepping_redis.url), await open_cache(stepping_redis.url)
    put(one, KEY, b"old")
    await until_found(other, KEY, b"old")
    with stepping_redis.client() as client:
        generation = client.get(KEYS.generation)
        if when == "away":
            client.client_kill_filter(_type="normal", skipme=True)
        stepping_redis.set_clock(seconds)
        while client.get(KEYS.generation) == generation:
            await asyncio.sleep(0.001)
        # Each that notices the step begins another generation; then all agree.
        caches = (one, other)
        while len({cache.near.generation for cache in caches}) > 1 or any(
            cache.trust is not Trust.COHERENT for cache in caches
        ):
            await asyncio.sleep(0.001)
        for cache in caches:
            await until_found(cache, KEY, None)
    await share(other, one, KEY, b"new")
    near = one.lookup_near(KEY)
    assert near is not None
    assert 27 <= near.fresh_until - one.clock() <= 30


@pytest.mark.faketime
@pytest.mark.parametrize("seconds", [-0.6, -10.0])
async def test_that_it_was_set_back_is_not_forgotten_where_redis_takes_nothing(
    open_cache: OpenCache, stepping_redis: SteppingRedis, seconds: float
) -> None:
    """Whoever could not begin another generation then does so as soon as it is possible."""
    cache = await open_cache(stepping_redis.url)
    with stepping_redis.client() as client:
        put(cache, KEY, b"old")
        while (old := client.get(KEY)) is None:
            await asyncio.sleep(0.001)
        client.config_set("maxmemory", 1)
        stepping_redis.set_clock(seconds)
        await until(cache, up=False)
        client.config_set("maxmemory", 0)
        await until(cache, up=True)
        client.set(KEY, old)
    assert await far(cache, KEY) is None
    assert (await cache.kept([KEY])) == [None]


@pytest.mark.faketime
@pytest.mark.parametrize("seconds", [0.6, 10.0, 3_600.0])
async def test_a_clock_of_redis_that_is_set_forward_makes_nothing_younger(
    open_cache: OpenCache, stepping_redis: SteppingRedis, seconds: float
) -> None:
    """What was stored before is older by as much, or gone; what is stored afterwards is as old as it is."""
    one, other = await open_cache(stepping_redis.url), await open_cache(stepping_redis.url)
    put(one, KEY, b"old", fresh=30)
    await until_found(other, KEY, b"old")
    original = one.lookup_near(KEY)
    assert original is not None
    stepping_redis.set_clock(seconds)
    later = await open_cache(stepping_redis.url)
    found_later = await far(later, KEY)
    if found_later is not None:
        assert found_later.fresh_until <= original.fresh_until
    await share(later, other, PART, b"new")
    near = other.lookup_near(PART)
    assert near is not None
    assert near.fresh_until - other.clock() <= 30
