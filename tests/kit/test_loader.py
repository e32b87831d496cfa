"""Read-through: loaded once, in this process and in every other, and again before it expires."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from shared.cache.build import build_cache
from shared.cache.cache import Cache, Value
from shared.cache.entry import NO_STAMP, StoredEntry
from shared.cache.keys import Keys
from shared.cache.lease import LEASE_SECONDS
from shared.cache.loader import Loading, LoadResult, Outcome
from shared.cache.read_through import ReadThrough
from shared.cache.stamps import NEVER
from shared.deadline import Deadline
from shared.errors import KitError
from tests.fixtures.gateway import Clock
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.stored_entries import stored_now
from tests.kit.caches import KINDS, OpenCache, found, until, until_found

KEY = Keys("bff", KINDS).entry("profile", "user1")
BUDGET = 20.0


class Process:
    """What one process of several has: a cache, a read-through, and a load that ends when a test says so."""

    def __init__(self, cache: Cache, through: ReadThrough[str]) -> None:
        self.cache = cache
        self.through = through
        self.loads = 0
        self.fresh = 30.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def load(self, _loading: Loading) -> LoadResult[str]:
        """Load once more."""
        self.loads += 1
        name = f"load {self.loads}"
        asked_at = self.cache.clock()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return LoadResult(name, [Value(KEY, name.encode(), asked_at, self.fresh)])

    def ask(self) -> "asyncio.Future[Outcome[str]]":
        """Ask for the value, as a request would that has missed in memory."""
        return asyncio.ensure_future(self.through.get(KEY, Deadline.after(BUDGET), self.load))


StartProcess = Callable[[str], Awaitable[Process]]


@pytest.fixture
async def start_process(open_cache: OpenCache) -> AsyncIterator[StartProcess]:
    """A function that opens another process on an address of Redis."""
    async with AsyncExitStack() as stack:

        async def start(url: str) -> Process:
            cache = await open_cache(url)
            return Process(cache, await stack.enter_async_context(ReadThrough[str](cache, BUDGET)))

        yield start


async def _settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_hundred_callers_cost_one_load(start_process: StartProcess, redis_server: RedisServer) -> None:
    """And none once it is kept."""
    process = await start_process(redis_server.url)
    outcomes = await asyncio.gather(*(process.ask() for _ in range(100)))
    assert {outcome.loaded for outcome in outcomes} == {"load 1"}
    assert sum(outcome.joined for outcome in outcomes) == 99
    assert all(outcome.stored for outcome in outcomes)
    assert process.through.near(KEY, process.load) is not None
    assert process.loads == 1


async def test_two_processes_cost_one_load(start_process: StartProcess, redis_server: RedisServer) -> None:
    """The one that got the lease loads, the other waits for its value."""
    one, other = await start_process(redis_server.url), await start_process(redis_server.url)
    one.gate.clear()
    first = one.ask()
    while not one.loads:
        await asyncio.sleep(0.001)
    waiting = [other.ask() for _ in range(50)]
    await _settled()
    one.gate.set()
    assert (await first).loaded == "load 1"
    for outcome in await asyncio.gather(*waiting):
        assert outcome.entry is not None
        assert outcome.entry.value == b"load 1"
        assert outcome.joined
    assert (one.loads, other.loads) == (1, 0)


async def test_a_holder_that_vanishes_costs_a_second_load(
    start_process: StartProcess, redis_server: RedisServer
) -> None:
    """Who waits for it gives up after its share of the deadline and loads for itself."""
    process = await start_process(redis_server.url)
    with redis_server.client() as client:
        client.set(process.cache.keys.lease(KEY), b"somebody", px=60_000)
    outcome = await process.through.get(KEY, Deadline.after(0.2), process.load)
    assert (outcome.loaded, process.loads) == ("load 1", 1)


async def test_a_load_that_takes_long_keeps_its_lease(start_process: StartProcess, redis_server: RedisServer) -> None:
    """It is lengthened again and again; once the load is over it is gone."""
    process = await start_process(redis_server.url)
    process.gate.clear()
    asked = process.ask()
    lease = process.cache.keys.lease(KEY)
    with redis_server.client() as client:
        lengthened, left = 0, 10_000
        async with asyncio.timeout(20):
            while lengthened < 5:
                before, left = left, int(client.pttl(lease))
                lengthened += 0 < before < left
                await asyncio.sleep(0.001)
        process.gate.set()
        await asked
        while client.exists(lease):
            await asyncio.sleep(0.001)


async def test_a_holder_that_fails_is_followed_at_once(start_process: StartProcess, redis_server: RedisServer) -> None:
    """Its lease is given back with nothing to show for it: the next one loads."""
    one, other = await start_process(redis_server.url), await start_process(redis_server.url)
    one.gate.clear()
    one.error = ValueError("broken")
    first = one.ask()
    while not one.loads:
        await asyncio.sleep(0.001)
    second = other.ask()
    await _settled()
    one.gate.set()
    with pytest.raises(ValueError, match="broken"):
        await first
    assert (await second).loaded == "load 1"


async def test_the_lease_is_given_back(start_process: StartProcess, redis_server: RedisServer) -> None:
    """After a load nothing of it is left in Redis, and the next load gets it again."""
    process = await start_process(redis_server.url)
    await process.ask()
    with redis_server.client() as client:
        while client.exists(process.cache.keys.lease(KEY)):
            await asyncio.sleep(0.001)
        client.delete(KEY)
    await until_found(process.cache, KEY, None)
    assert (await process.ask()).loaded == "load 2"


async def test_an_entry_found_in_redis_costs_nobody_the_lease(
    start_process: StartProcess, redis_server: RedisServer
) -> None:
    """The lease that was asked for along with it is given back at once, not left to run out."""
    one, other = await start_process(redis_server.url), await start_process(redis_server.url)
    with redis_server.client() as client:
        client.config_resetstat()  # what was tried when they were opened does not count
        await one.ask()
        while not _given_back(client):
            await asyncio.sleep(0.001)
        outcome = await other.ask()
        assert outcome.entry is not None
        assert outcome.entry.value == b"load 1"
        while _given_back(client) < 2:
            await asyncio.sleep(0.001)
        assert not client.exists(one.cache.keys.lease(KEY))


async def test_a_load_that_began_before_a_purge_is_not_kept_and_not_joined(
    start_process: StartProcess, redis_server: RedisServer
) -> None:
    """Who asked before gets its result; who asks afterwards costs a new one, also in another process."""
    one, other = await start_process(redis_server.url), await start_process(redis_server.url)
    one.gate.clear()
    before = one.ask()
    while not one.loads:
        await asyncio.sleep(0.001)
    assert await other.cache.purge_tags(["user:user1"], hard=True)
    while KEY in one.through._flights:
        await asyncio.sleep(0.001)
    after = one.ask()
    while one.loads < 2:
        await asyncio.sleep(0.001)
    one.gate.set()
    outdated = await before
    assert (outdated.loaded, outdated.stored) == ("load 1", False)
    assert (await after).loaded == "load 2"
    await until_found(other.cache, KEY, b"load 2")


@asynccontextmanager
async def _clocked(url: str, clock: Clock) -> AsyncIterator[Process]:
    """A process whose cache goes by a clock of the test."""
    cache = build_cache(url, 100, kinds=KINDS, longest_life=600, clock=clock)
    async with cache, ReadThrough[str](cache, BUDGET) as through:
        if url:
            await until(cache, up=True)
        yield Process(cache, through)


async def test_a_hit_late_in_life_reloads_in_the_background_once(loop: object, redis_server: RedisServer) -> None:
    """Whoever hits is served at once; one process of all reloads, and both have the new value."""
    clock = Clock()
    async with _clocked(redis_server.url, clock) as one, _clocked(redis_server.url, clock) as other:
        with redis_server.client() as client:
            _store_due(client)
        for process in (one, other):
            process.gate.clear()
            assert (await process.ask()).entry is not None
        while not one.loads + other.loads:
            await asyncio.sleep(0.001)
        for process in (one, other, one, other):
            assert process.through.near(KEY, process.load) is not None
        one.gate.set()
        other.gate.set()
        for process in (one, other):
            await until_found(process.cache, KEY, b"load 1")
        assert one.loads + other.loads == 1


def _store_due(client: Any) -> None:
    """Another process' value, late in its life."""
    entry = StoredEntry(NO_STAMP, NEVER, 0, 30_000, 600_000, b"value")
    client.set(KEY, stored_now(client, entry, ago=25).to_bytes(KEY), px=575_000)


async def _hit(process: Process, times: int) -> None:
    for _ in range(times):
        assert process.through.near(KEY, process.load) is not None
        while len(process.through._flights):
            await asyncio.sleep(0.001)


@pytest.fixture
async def clocked(redis_server: RedisServer, loop: object) -> AsyncIterator[tuple[Process, Clock]]:
    """A process whose cache goes by a clock of the test."""
    clock = Clock()
    async with _clocked(redis_server.url, clock) as process:
        yield process, clock


async def test_what_another_process_reloads_is_not_asked_for_with_every_hit(
    clocked: tuple[Process, Clock], redis_server: RedisServer
) -> None:
    """Who finds the lease taken looks again when that would have run out, however many hits there are meanwhile."""
    process, clock = clocked
    with redis_server.client() as client:
        client.set(process.cache.keys.lease(KEY), b"somebody", px=60_000)
        _store_due(client)
        assert (await process.ask()).entry is not None
        await _hit(process, 1)
        for _ in range(3):
            before = _lookups(client)
            await _hit(process, 200)
            assert _lookups(client) == before
            clock.now += LEASE_SECONDS
            await _hit(process, 200)
            assert _lookups(client) == before + 1
        assert process.loads == 0


async def test_a_reload_that_fails_is_not_tried_with_every_hit(
    clocked: tuple[Process, Clock], redis_server: RedisServer
) -> None:
    """What Redis has, and takes the place of what was hit, is not due again at once."""
    process, _ = clocked
    process.error = KitError("not now")
    with redis_server.client() as client:
        _store_due(client)
        assert (await process.ask()).entry is not None
        await _hit(process, 200)
    assert process.loads == 1


async def test_a_reload_that_comes_too_late_holds_no_lease(
    clocked: tuple[Process, Clock], redis_server: RedisServer
) -> None:
    """Another process has done it since the entry was hit: its value is taken, and the lease given back."""
    process, _ = clocked
    with redis_server.client() as client:
        client.config_resetstat()  # what was tried when it was opened does not count
        _store_due(client)
        assert (await process.ask()).entry is not None
        assert process.through.near(KEY, process.load) is not None
        new = StoredEntry(NO_STAMP, NEVER, 0, 30_000, 600_000, b"new")
        client.set(KEY, stored_now(client, new).to_bytes(KEY), px=600_000)  # the reload has not had its turn yet
        while _given_back(client) < 2:
            await asyncio.sleep(0.001)
        assert not client.exists(process.cache.keys.lease(KEY))
    await until_found(process.cache, KEY, b"new")
    assert process.loads == 0


def _given_back(client: Any) -> int:
    return int(client.info("commandstats").get("cmdstat_unlink", {"calls": 0})["calls"])


def _lookups(client: Any) -> int:
    return int(client.info("commandstats")["cmdstat_set"]["calls"])


async def test_a_failing_reload_leaves_the_entry_alone(loop: object) -> None:
    """It is served until its end; nobody hears of the failure."""
    clock = Clock()
    async with _clocked("", clock) as process:
        await process.ask()
        process.error = ValueError("broken")
        await _reloading(process, clock)
        while len(process.through._flights):
            await asyncio.sleep(0)
        assert await found(process.cache, KEY) == b"load 1"


async def test_the_end_cancels_a_reload(loop: object) -> None:
    """A background load does not outlive the app."""
    clock = Clock()
    async with _clocked("", clock) as process:
        await process.ask()
        process.gate.clear()
        await _reloading(process, clock)
    assert len(process.through._flights) == 0


async def _reloading(process: Process, clock: Clock) -> None:
    """Hit what has been loaded late in its life, and wait until its reload has begun."""
    clock.now += 0.95 * process.fresh
    assert process.through.near(KEY, process.load) is not None
    while process.loads < 2:
        await asyncio.sleep(0)


async def test_losing_redis_during_a_load_costs_nobody_an_error(
    start_process: StartProcess, redis_server: RedisServer
) -> None:
    """The result reaches those who wait, and memory keeps what comes afterwards."""
    process = await start_process(redis_server.url)
    process.gate.clear()
    asked = process.ask()
    while not process.loads:
        await asyncio.sleep(0.001)
    redis_server.kill()
    await until(process.cache, up=False)
    process.gate.set()
    assert (await asked).loaded == "load 1"
    if process.through.near(KEY, process.load) is None:
        await process.ask()
    assert process.through.near(KEY, process.load) is not None
