"""A Redis that is away, hangs, is slow, refuses or holds garbage costs one short timeout at most, never an error."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise

import orjson
import pytest
from msgspec.structs import replace
from redis import Redis

from shared.cache.address import REPLY_SECONDS
from shared.cache.cache import Cache
from shared.cache.entry import NO_STAMP, Entry, StoredEntry
from shared.cache.keys import Keys
from shared.cache.near import Trust
from shared.cache.stamps import NEVER
from shared.observing import metrics
from tests.fixtures.log_lines import heard
from tests.fixtures.processes import free_port
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.redis_sets import LOCAL, Proxy
from tests.fixtures.stored_entries import stored_now
from tests.kit.caches import KINDS, OpenCache, far, found, put, share, until, waited

KEYS = Keys("bff", KINDS)
KEY = KEYS.entry("profile", "user1")
UP, BYPASSED, ABSENT = "redis tier up", "redis tier bypassed", "redis unavailable"
NOTICED_SECONDS = 15.0
RECOVERY_SECONDS = 20.0


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the Redis tier logs, event by event."""
    events: list[str] = []

    def take(line: bytes) -> None:
        document = orjson.loads(line)
        if document["logger"] == "cache":
            events.append(document["event"])

    with heard(take):
        yield events


@pytest.fixture
async def proxy(loop: object, redis_server: RedisServer) -> AsyncIterator[Proxy]:
    """A network between the cache and Redis."""
    async with Proxy(redis_server.port) as between:
        yield between


async def use(cache: Cache, callers: int = 100) -> None:
    """Many callers do at once all that a caller may do; memory serves each what it has put."""

    async def call(number: int) -> None:
        key = KEYS.entry("profile", f"caller{number}")
        cache.lookup_near(key)
        await far(cache, key)
        put(cache, key, b"value")
        await cache.kept([key, KEYS.entry("user", f"caller{number}")])

    await asyncio.gather(*(call(number) for number in range(callers)))


def is_down(cache: Cache) -> bool:
    """Whether the cache takes Redis for gone, and memory for all there is."""
    assert cache.redis is not None
    return (cache.redis.up, cache.trust) == (False, Trust.ALONE)


async def assert_down(cache: Cache) -> None:
    """Redis is bypassed: everything works, memory alone serves, and nobody waits."""
    async with asyncio.timeout(NOTICED_SECONDS):
        await until(cache, up=False)
    async with waited() as seconds:
        put(cache, KEY, b"alone")
        for _ in range(20):
            assert await far(cache, KEYS.entry("profile", "nobody")) is None
        assert await found(cache, KEY) == b"alone"
        assert seconds() < REPLY_SECONDS
    assert is_down(cache)
    await use(cache)


async def assert_recovers(cache: Cache) -> None:
    """Redis is used again by itself, and memory begins empty."""
    async with asyncio.timeout(RECOVERY_SECONDS):
        await until(cache, up=True)
    assert cache.redis is not None
    assert (cache.redis.up, cache.trust) == (True, Trust.COHERENT)
    assert await found(cache, KEY) is None
    await use(cache)


def assert_said(said: list[str], *events: str) -> None:
    """These were logged, and each change of state once; a busy machine may have brought about further ones.

    Those come afterwards, but for a Redis that did not answer to the very first look in time.
    """
    before = said.index(events[0])
    assert said[:before] in ([], [ABSENT])
    assert tuple(said[before : before + len(events)]) == events
    assert all(one != following for one, following in pairwise(said))


async def until_tried_again(client: "Redis", times: int = 3) -> None:
    """Wait until the cache has knocked at Redis so many times more."""

    def connections() -> int:
        return int(client.info("stats")["total_connections_received"])

    before = connections()
    while connections() < before + times:
        await asyncio.sleep(0.005)


async def test_refused(open_cache: OpenCache, redis_server: RedisServer, said: list[str]) -> None:
    """Nothing listens: memory alone from the first moment, said once; Redis joins when it comes."""
    redis_server.kill()
    cache = await open_cache(f"redis://{LOCAL}:{redis_server.port}", up=False)
    await use(cache)
    while not said:
        await asyncio.sleep(0.001)
    await assert_down(cache)
    redis_server.start()
    await assert_recovers(cache)
    assert_said(said, ABSENT, UP)


@pytest.mark.parametrize("form", ["redis+cluster://{}", "redis+sentinel://{}/set"])
@pytest.mark.parametrize("place", ["nowhere", "a plain Redis"])
async def test_not_what_the_address_says(
    open_cache: OpenCache, redis_server: RedisServer, said: list[str], form: str, place: str
) -> None:
    """No cluster and no Sentinel answers: that counts as away too, and is looked for on and on."""
    port = free_port() if place == "nowhere" else redis_server.port
    cache = await open_cache(form.format(f"{LOCAL}:{port}"), up=False)
    while not said:
        await asyncio.sleep(0.001)
    await assert_down(cache)
    assert said == [ABSENT]
    assert cache.redis is not None
    assert not any(task.done() for task in cache.redis._supervisor._tasks)


async def test_killed_under_load(open_cache: OpenCache, redis_server: RedisServer, said: list[str]) -> None:
    """Requests in flight end as misses; memory alone serves until Redis is back, which it notices by itself."""
    cache = await open_cache(redis_server.url)
    put(cache, KEY, b"value")
    load = asyncio.gather(*(use(cache) for _ in range(5)))
    await asyncio.sleep(0)
    redis_server.kill()
    await load
    await assert_down(cache)
    redis_server.start()
    await assert_recovers(cache)
    assert_said(said, UP, BYPASSED, UP)


async def test_hanging(open_cache: OpenCache, redis_server: RedisServer, said: list[str]) -> None:
    """A stopped process costs all who ask at the time one timeout together, and nobody after them."""
    cache = await open_cache(redis_server.hasty_url)
    redis_server.signal(signal.SIGSTOP)
    try:
        async with waited() as seconds:
            assert await asyncio.gather(*(far(cache, KEY) for _ in range(100))) == [None] * 100
            assert seconds() < 3 * REPLY_SECONDS
        await assert_down(cache)
    finally:
        redis_server.signal(signal.SIGCONT)
    await assert_recovers(cache)
    assert_said(said, UP, BYPASSED, UP)


async def test_slow(open_cache: OpenCache, proxy: Proxy, meddler: "Redis", said: list[str]) -> None:
    """Answers that take longer than the timeout are no answers; the tier stays bypassed until they are quick again."""
    cache = await open_cache(f"redis://{LOCAL}:{proxy.port}")
    proxy.delay = 0.3
    async with waited() as seconds:
        assert await far(cache, KEY) is None
        assert seconds() < 3 * REPLY_SECONDS
    await assert_down(cache)
    await until_tried_again(meddler)
    assert is_down(cache)
    proxy.delay = 0.0
    await assert_recovers(cache)
    assert_said(said, UP, BYPASSED, UP)


async def test_far_away(open_cache: OpenCache, proxy: Proxy, said: list[str]) -> None:
    """A Redis whose answers take longer than usual is used by whoever allows for that: opening takes longer as well."""
    proxy.delay = 0.2
    one, other = [await open_cache(f"redis://{LOCAL}:{proxy.port}?socket_timeout=2") for _ in range(2)]
    await share(one, other, KEY, b"value")
    put(one, KEY, b"newer")
    while await found(other, KEY) != b"newer":
        await asyncio.sleep(0.001)
    assert said == [UP, UP]


async def test_half_open(open_cache: OpenCache, proxy: Proxy, meddler: "Redis", said: list[str]) -> None:
    """A connection that swallows everything is noticed although nobody asks: memory would be outdated unawares."""
    cache = await open_cache(f"redis://{LOCAL}:{proxy.port}")
    await share(cache, cache, KEY, b"value")
    proxy.silent = True
    meddler.delete(KEY)
    async with asyncio.timeout(NOTICED_SECONDS):
        while cache.trust is Trust.COHERENT:
            await asyncio.sleep(0.001)
    await assert_down(cache)
    proxy.silent = False
    await assert_recovers(cache)
    assert_said(said, UP, BYPASSED, UP)


@pytest.mark.parametrize("how", ["demoted", "writable without a master"])
async def test_read_only(open_cache: OpenCache, meddler: "Redis", redis_server: RedisServer, how: str) -> None:
    """A replica is no cache, even one that takes writes: its master would overwrite them."""
    cache = await open_cache(redis_server.url)
    if how != "demoted":
        meddler.config_set("replica-read-only", "no")
    meddler.replicaof(LOCAL, 1)
    await assert_down(cache)
    if how == "demoted":
        await until_tried_again(meddler)
        assert is_down(cache)
    meddler.replicaof("NO", "ONE")
    await assert_recovers(cache)


async def test_out_of_memory(
    open_cache: OpenCache, meddler: "Redis", redis_server: RedisServer, said: list[str]
) -> None:
    """Without room, and nothing that may go, the first refused write takes the tier down until there is room again."""
    cache = await open_cache(redis_server.url)
    put(cache, KEY, b"value")
    meddler.set("others", bytes(2_000_000))
    meddler.config_set("maxmemory", "1mb")
    put(cache, KEY, b"other")
    await assert_down(cache)
    await until_tried_again(meddler)
    assert is_down(cache)
    meddler.flushall()
    meddler.config_set("maxmemory", "0")
    await assert_recovers(cache)
    assert_said(said, UP, BYPASSED, UP)


@pytest.mark.parametrize("when", ["from the start", "later"])
async def test_wrong_password(
    open_cache: OpenCache, meddler: "Redis", redis_server: RedisServer, said: list[str], when: str
) -> None:
    """A Redis that does not let the cache in counts as away, until it does; that it does not is said also later on."""
    cache = await open_cache(redis_server.url, up=True) if when == "later" else None
    meddler.config_set("requirepass", "secret")
    if cache is None:
        cache = await open_cache(redis_server.url.replace("://", "://:wrong@"), up=False)
    meddler.client_kill_filter(_type="normal", skipme=True)
    await assert_down(cache)
    await until_tried_again(meddler)
    assert is_down(cache)
    meddler.config_set("requirepass", "wrong" if when != "later" else "")
    await assert_recovers(cache)
    assert_said(said, *([UP, BYPASSED, ABSENT, UP] if when == "later" else [ABSENT, UP]))


ENTRY = StoredEntry.of(Entry.made(b"value", 0.0, 30.0), 0.0, 0, NO_STAMP, NEVER)
GOOD = ENTRY.to_bytes(KEY)


@pytest.mark.parametrize(
    "command",
    [
        ("LPUSH", KEY, "a"),
        ("SET", KEY, b""),
        ("SET", KEY, b"{}"),
        ("SET", KEY, b"pgc1" + bytes(40), "PX", 30_000),
        ("SET", KEY, GOOD[:20], "PX", 30_000),
        ("SET", KEY, replace(ENTRY, kept_ms=ENTRY.fresh_ms - 1).to_bytes(KEY), "PX", 1_000),
    ],
    ids=["wrong type", "nothing", "JSON", "older", "cut off", "fresh for longer than kept"],
)
async def test_garbage(
    open_cache: OpenCache, meddler: "Redis", redis_server: RedisServer, command: tuple[str | bytes | int, ...]
) -> None:
    """What is no entry of ours is a miss, and counted; the tier stays up, and the next write mends it."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    meddler.execute_command(*command)
    before = metrics.cache_unreadable._value.get()
    assert await far(one, KEY) is None
    assert await one.kept([KEY]) == [None]
    assert metrics.cache_unreadable._value.get() == before + 2
    assert one.trust is Trust.COHERENT
    await share(one, other, KEY, b"good")


@pytest.mark.parametrize("life", [(), ("PX", 600_000)], ids=["for ever", "for long"])
@pytest.mark.parametrize("over", [29, 31])
async def test_a_key_that_outlives_its_entry(
    open_cache: OpenCache, meddler: "Redis", redis_server: RedisServer, life: tuple[str | int, ...], over: int
) -> None:
    """An entry is of use as long as it says itself, whatever time to live its key has been given by somebody."""
    cache = await open_cache(redis_server.url)
    meddler.execute_command("SET", KEY, stored_now(meddler, ENTRY, ago=over).to_bytes(KEY), *life)
    entry = await far(cache, KEY)
    assert (entry is not None) is (over < 30)
    if entry is not None:
        assert 0 < entry.fresh_until - cache.clock() <= 1
    assert (cache.lookup_near(KEY) is None) is (entry is None)


async def test_flushed(open_cache: OpenCache, meddler: "Redis", redis_server: RedisServer) -> None:
    """FLUSHALL empties the memory of every process at once; the tier stays up."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    await share(one, other, KEY, b"value")
    meddler.flushall()
    async with asyncio.timeout(NOTICED_SECONDS):
        while one.lookup_near(KEY) is not None or other.lookup_near(KEY) is not None:
            await asyncio.sleep(0.001)
    await share(one, other, KEY, b"again")


async def test_restarted_empty(open_cache: OpenCache, redis_server: RedisServer, said: list[str]) -> None:
    """A Redis that comes back without its data is found within seconds; nothing of before is served as current."""
    one, other = await open_cache(redis_server.url), await open_cache(redis_server.url)
    await share(one, other, KEY, b"value")
    redis_server.kill()
    redis_server.start()
    while said.count(BYPASSED) < 2:
        await asyncio.sleep(0.001)
    for cache in (one, other):
        await assert_recovers(cache)
    await share(one, other, KEY, b"again")
