"""What one process appends to a log all others know, over a real Redis and whatever becomes of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis import Redis

from shared.cache.build import build_cache
from shared.cache.cache import Cache
from shared.cache.near import Trust
from shared.cache.required_commands import CLUSTER_COMMANDS
from shared.observing import metrics
from tests.fixtures.log_lines import heard
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.redis_sets import Cluster, RedisSet, SentinelSet
from tests.fixtures.redis_users import address, documented, make_user
from tests.fixtures.slot_moves import begin_move
from tests.kit.caches import KINDS, until

NAME, KEY = "names", "bff:names"
KEEP = 1_000.0
SOON = 20.0
FAIL_OVER_SECONDS = 60
BEATS = 3
TOO_LARGE = 65 * 1024 * 1024
NO_LOGS: dict[str, tuple[str | bytes, ...]] = {
    "list": ("RPUSH", KEY, "x"),
    "text": ("SET", KEY, "x"),
    "too large": ("XADD", KEY, "*", "r", bytes(TOO_LARGE)),
}


class Process:
    """A cache, and what is known beside it."""

    def __init__(self, url: str, namespace: str) -> None:
        self.records: set[bytes] = set()
        self.looks = 0
        self.cache: Cache = build_cache(url, 100, kinds=KINDS, longest_life=600, namespace=namespace)
        self.cache.watch_log(NAME, self, KEEP)

    def known(self) -> Iterable[bytes]:
        """All that it has heard."""
        return self.records

    def learn(self, records: Iterable[bytes]) -> int:
        """What does not begin with a star is no record."""
        self.looks += 1
        found = list(records)
        good = [record for record in found if record.startswith(b"*")]
        self.records.update(good)
        return len(found) - len(good)

    async def say(self, record: bytes) -> bool:
        """Know of it and tell it; tells whether all are told."""
        self.records.add(record)
        return await self.cache.append_to_log(NAME, record)

    async def tell(self, *records: bytes) -> None:
        """Tell records; one that Redis was not told of, on a busy machine, is told again."""
        for record in records:
            while not await self.say(record):
                await asyncio.sleep(0.001)


Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(loop: object) -> AsyncIterator[Start]:
    """A function that opens a process on an address until the test ends."""
    async with AsyncExitStack() as stack:

        async def open_(url: str, namespace: str = "bff", *, up: bool = True) -> Process:
            process = Process(url, namespace)
            await stack.enter_async_context(process.cache)
            if up:
                await until(process.cache, up=True)
            return process

        yield open_


async def until_known(processes: Iterable[Process], *records: bytes, seconds: float = SOON) -> None:
    """Wait until each knows these."""
    async with asyncio.timeout(seconds):
        for process in processes:
            while not process.records.issuperset(records):
                await asyncio.sleep(0.001)


async def until_looked(*processes: Process) -> None:
    """Wait until each has looked again, some times."""
    for process in processes:
        looks = process.looks + BEATS
        async with asyncio.timeout(SOON):
            while process.looks < looks:
                await asyncio.sleep(0.005)


def records_in(client: "Redis") -> list[bytes]:
    """What the log has."""
    found: Any = client.xrange(KEY)
    return [fields[b"r"] for _, fields in found]


def at_once(client: "Redis", *commands: Sequence[Any]) -> None:
    """Do them as one."""
    pipeline: Any = client.pipeline()
    for command in commands:
        pipeline.execute_command(*command)
    pipeline.execute()


async def test_what_one_says_all_know(start: Start, redis_server: RedisServer) -> None:
    """Whoever it is, and whoever comes later. In another namespace nobody does."""
    processes = [await start(redis_server.url) for _ in range(4)]
    stranger = await start(redis_server.url, "other")
    for number, process in enumerate(processes):
        await process.tell(b"*%d" % number)
        await until_known(processes, b"*%d" % number)
    late = Process(redis_server.url, "bff")
    async with late.cache:
        await until_known([late], *(b"*%d" % number for number in range(4)))
    await until_looked(stranger)
    assert stranger.records == set()


async def test_nobody_waits_for_a_heartbeat(start: Start, redis_server: RedisServer) -> None:
    """More is said one after another, each known to all before the next, than there are heartbeats meanwhile."""
    one, other = await start(redis_server.url), await start(redis_server.url)
    started, said = asyncio.get_running_loop().time(), 0
    while said < 200:
        await one.tell(b"*%d" % said)
        await until_known([other], b"*%d" % said)
        said += 1
    assert said > (asyncio.get_running_loop().time() - started) / 0.5


async def test_a_redis_that_comes_back_empty_is_told(start: Start, redis_server: RedisServer) -> None:
    """What was said before and meanwhile is there again, and whoever has known nothing of it hears of it."""
    one, other = await start(redis_server.url), await start(redis_server.url)
    await one.tell(b"*before")
    await until_known([other], b"*before")
    redis_server.kill()
    await until(one.cache, up=False)
    assert await one.say(b"*meanwhile") is False
    redis_server.start()
    await until_known([other], b"*meanwhile")
    late = await start(redis_server.url)
    await until_known([late], b"*before", b"*meanwhile")


@pytest.mark.parametrize("how", ["FLUSHALL", "DEL", "EXPIRE", "RENAME", "older"])
async def test_a_log_that_is_gone_is_written_again(
    start: Start, redis_server: RedisServer, meddler: "Redis", how: str
) -> None:
    """However it went, by whoever is there, and by then nobody says any more; what is new in it is not missed."""
    processes = [await start(redis_server.url) for _ in range(3)]
    said = {b"*%d" % number for number in range(20)}
    await processes[0].tell(*said)
    await until_known(processes, *said)
    if how == "older":  # another's, by a clock that is behind
        at_once(meddler, ("DEL", KEY), ("XADD", KEY, "1-1", "r", "*new"))
        said.add(b"*new")
    else:
        words = {"FLUSHALL": (), "EXPIRE": (KEY, 0), "RENAME": (KEY, "x")}.get(how, (KEY,))
        meddler.execute_command(how, *words)
    async with asyncio.timeout(SOON):
        while {*records_in(meddler)} != said:
            await asyncio.sleep(0.001)
    await until_known(processes, *said)
    await until_looked(*processes)
    length = meddler.xlen(KEY)
    await until_looked(*processes)
    assert meddler.xlen(KEY) == length


async def test_records_that_are_too_old_go(start: Start, redis_server: RedisServer, meddler: "Redis") -> None:
    """When others come, and but for less than a node of the stream."""
    for number in range(1000):
        meddler.xadd(KEY, {b"r": b"*old"}, id=f"{number + 1}-1")
    one = await start(redis_server.url)
    await one.tell(b"*new")
    assert meddler.xlen(KEY) <= 201


async def test_garbage_is_counted_and_left(start: Start, redis_server: RedisServer, meddler: "Redis") -> None:
    """Records around it are known."""
    one = await start(redis_server.url)
    before = metrics.cache_unreadable._value.get()
    for fields in (("r", "odd"), ("x", "*x"), ("r", "*x", "q", "*y"), ("", ""), ("r", bytes(1_000_000))):
        meddler.execute_command("XADD", KEY, "*", *fields)
    meddler.xadd(KEY, {b"r": b"*good"})
    await until_known([one], b"*good")
    assert one.records == {b"*good"}
    assert metrics.cache_unreadable._value.get() == before + 5


@pytest.mark.parametrize("what", NO_LOGS)
async def test_what_cannot_be_a_log_is_replaced(
    start: Start, redis_server: RedisServer, meddler: "Redis", what: str
) -> None:
    """Redis is used, and what was known before is told again."""
    processes = [await start(redis_server.url) for _ in range(2)]
    await processes[0].tell(b"*before")
    await until_known(processes, b"*before")
    at_once(meddler, ("DEL", KEY), NO_LOGS[what])
    async with asyncio.timeout(FAIL_OVER_SECONDS):
        while meddler.type(KEY) != b"stream" or (meddler.memory_usage(KEY) or 0) > TOO_LARGE:
            await asyncio.sleep(0.005)
        await processes[1].tell(b"*after")
    await until_known(processes, b"*after", seconds=FAIL_OVER_SECONDS)
    async with asyncio.timeout(FAIL_OVER_SECONDS):
        while not {b"*before", b"*after"} <= {*records_in(meddler)}:
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("without", ["xadd", "xrange"])
async def test_who_may_not_uses_redis_all_the_same(
    start: Start, redis_server: RedisServer, meddler: "Redis", without: str
) -> None:
    """Whoever says something knows that it is not heard, the log says why, once; until it is permitted."""
    make_user(meddler, [word for word in documented() if word != f"+{without}"])
    said: list[bytes] = []
    with heard(said.append):
        one, other = await start(address(redis_server.port)), await start(redis_server.url)
        assert one.cache.trust is Trust.COHERENT
        async with asyncio.timeout(SOON):
            while await one.say(b"*1") or sum(b"redis refuses a log" in line for line in said) < 1:
                await asyncio.sleep(0.001)
        assert await one.say(b"*2") is False
        await other.tell(b"*3")
        if without == "xadd":
            await until_known([one], b"*3")
        make_user(meddler, documented())
        await until_known([one, other], b"*1", b"*2", b"*3")
        await one.tell(b"*4")
        await until_known([other], b"*4")
    assert sum(b"redis refuses a log" in line for line in said) == 1
    assert not any(b"redis tier bypassed" in line for line in said)


async def test_who_is_not_told_of_changes_looks_twice_a_second(
    start: Start, redis_server: RedisServer, meddler: "Redis"
) -> None:
    """Where invalidations are forbidden."""
    make_user(meddler, [word for word in documented() if word != "+client|tracking"])
    one, other = await start(address(redis_server.port)), await start(address(redis_server.port))
    assert other.cache.trust is Trust.BLIND
    await one.tell(b"*1")
    await until_known([other], b"*1")


async def test_in_every_form_of_redis(start: Start, redis_set: RedisSet) -> None:
    """What one says all know, and a log that is gone is written again."""
    processes = [await start(redis_set.url) for _ in range(2)]
    await processes[0].tell(b"*1")
    await until_known(processes, b"*1")
    with redis_set.holder(KEY) as client:
        client.delete(KEY)
        await processes[1].tell(b"*2")
        await until_known(processes, b"*2")
        async with asyncio.timeout(SOON):
            while {*records_in(client)} != {b"*1", b"*2"}:
                await asyncio.sleep(0.005)


async def test_a_new_master_is_told_what_it_has_missed(start: Start, sentinel_set: SentinelSet) -> None:
    """What was said while nobody was there, too."""
    processes = [await start(sentinel_set.url) for _ in range(2)]
    await processes[0].tell(b"*1")
    await until_known(processes, b"*1")
    sentinel_set.master.kill()
    await until(processes[0].cache, up=False)
    await processes[0].say(b"*2")
    await until_known(processes, b"*1", b"*2", seconds=FAIL_OVER_SECONDS)
    late = await start(sentinel_set.url)
    await until_known([late], b"*1", b"*2")


async def test_a_log_that_is_being_moved(start: Start, cluster: Cluster) -> None:
    """What is said meanwhile is not certain to be heard, nor lost."""
    processes = [await start(cluster.url) for _ in range(2)]
    await processes[0].tell(b"*1")
    await until_known(processes, b"*1")
    move = begin_move(cluster, KEY)
    move.move(KEY)
    assert await processes[0].say(b"*2") is False
    move.end()
    await until_known(processes, b"*1", b"*2", seconds=FAIL_OVER_SECONDS)
    await processes[1].tell(b"*3")
    await until_known(processes, b"*3", seconds=FAIL_OVER_SECONDS)


async def test_a_user_of_a_cluster(start: Start, cluster: Cluster) -> None:
    """The documented one may do all that logs need."""
    words = [*documented(), *(f"+{name.lower().replace(' ', '|')}" for name in CLUSTER_COMMANDS)]
    for node in cluster.nodes:
        with node.client() as client:
            make_user(client, words)
    url = cluster.url.replace("://", "://bff:secret@")
    processes = [await start(url) for _ in range(2)]
    await processes[0].tell(b"*1")
    await until_known(processes, b"*1")


async def test_without_redis_a_process_is_all_there_is(start: Start) -> None:
    """There is nobody else to tell."""
    assert await (await start("", up=False)).say(b"*1") is True
