"""What one appends to a stream all processes take, and one of them acts on, over a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import pytest
from redis import Redis

from shared.cache.build import build_cache
from shared.cache.claims import Claims
from shared.cache.event_stream import EventStream
from shared.observing import metrics
from tests.fixtures.log_lines import heard
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.redis_sets import RedisSet
from tests.fixtures.redis_users import address, documented, make_user
from tests.kit.caches import KINDS, until

KEY = "bff:events"
SOON = 20.0
NAMES = ["bff:events", "elsewhere", "bff", "b"]
"""Under the watched prefix, beside it, and before it."""


class Process:
    """A cache, what is taken, and what is done about it."""

    def __init__(self, url: str, done: list[bytes], key: str) -> None:
        self.taken: list[bytes] = []
        self.lost = 0
        self.done = done
        self.cache = build_cache(url, 100, kinds=KINDS, longest_life=600)
        redis = self.cache.redis
        assert redis is not None
        self.claims = Claims(redis, self.cache.keys, 600)
        self.stream = EventStream(key, redis, self._take, self._lose, field="event", back=600)

    async def _take(self, records: Sequence[bytes | None], _live: bool) -> bool:
        texts = [record.decode() for record in records if record is not None]
        end = await self.claims.once(texts, self._do)
        self.taken += [text.encode() for text in texts]
        return not end.failed

    async def _do(self, names: Sequence[str]) -> bool:
        self.done += [name.encode() for name in names]
        return await self.cache.purge_all()

    async def _lose(self, _position: str) -> bool:
        self.lost += 1
        return await self.cache.purge_all()


Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(loop: object) -> AsyncIterator[Start]:
    """A function that opens a process on an address until the test ends; all do things for each other."""
    done: list[bytes] = []
    async with AsyncExitStack() as stack:

        async def open_(url: str, key: str = KEY) -> Process:
            process = Process(url, done, key)
            await stack.enter_async_context(process.cache)
            await until(process.cache, up=True)
            await stack.enter_async_context(process.stream)
            return process

        yield open_


def append(client: "Redis", *texts: bytes, key: str = KEY) -> None:
    """Events."""
    pipeline = client.pipeline(transaction=False)
    for text in texts:
        pipeline.xadd(key, {b"event": text})
    pipeline.execute()


async def until_taken(processes: Sequence[Process], *texts: bytes) -> None:
    """Wait until each has them."""
    async with asyncio.timeout(SOON):
        for process in processes:
            while not {*process.taken} >= {*texts}:
                await asyncio.sleep(0.001)


async def until_lost(*processes: Process, times: int = 1) -> None:
    """Wait until each has lost its place so often."""
    async with asyncio.timeout(SOON):
        for process in processes:
            while process.lost < times:
                await asyncio.sleep(0.001)


@pytest.mark.parametrize("key", NAMES)
async def test_wherever_it_stands_nobody_waits_for_a_heartbeat(
    start: Start, redis_server: RedisServer, meddler: "Redis", key: str
) -> None:
    """More comes one after another, each taken by all before the next, than there are heartbeats; one acts on it."""
    processes = [await start(redis_server.url, key) for _ in range(3)]
    started, said = asyncio.get_running_loop().time(), 0
    while said < 100:
        append(meddler, b"%d" % said, key=key)
        await until_taken(processes, b"%d" % said)
        said += 1
    assert said > (asyncio.get_running_loop().time() - started) / 0.5
    assert len(processes[0].done) < 2 * said


async def test_who_starts_takes_what_may_matter_still(
    start: Start, redis_server: RedisServer, meddler: "Redis"
) -> None:
    """Before it is there for others; what has been acted on is not done again, and what is older not looked at."""
    meddler.xadd(KEY, {b"event": b"old"}, id="1-1")
    append(meddler, b"1", b"2")
    first = await start(redis_server.url)
    assert first.taken == [b"1", b"2"]
    second = await start(redis_server.url)
    assert second.taken == [b"1", b"2"]
    assert sorted(first.done) == [b"1", b"2"]
    assert first.lost == second.lost == 0


@pytest.mark.parametrize("how", ["DEL", "FLUSHALL", "RENAME", "XTRIM", "SET", "restart"])
async def test_a_place_that_is_gone_costs_all_that_was_kept(
    start: Start, redis_server: RedisServer, meddler: "Redis", how: str
) -> None:
    """However it went; what comes then is taken, and nothing is lost twice."""
    processes = [await start(redis_server.url) for _ in range(2)]
    append(meddler, b"before")
    await until_taken(processes, b"before")
    flushes = [process.cache.near.flushes for process in processes]
    if how == "restart":
        redis_server.kill()
        redis_server.start()
    else:
        words = {"FLUSHALL": (), "RENAME": (KEY, "x"), "XTRIM": (KEY, "MAXLEN", 0), "SET": (KEY, "x")}.get(how, (KEY,))
        meddler.execute_command(how, *words)
    await until_lost(*processes)
    assert all(process.cache.near.flushes > before for process, before in zip(processes, flushes, strict=True))
    with redis_server.client() as client:
        append(client, b"after")
    await until_taken(processes, b"after")
    assert [process.lost for process in processes] == [1, 1]


async def test_who_was_away_goes_on_where_it_was(start: Start, redis_server: RedisServer, meddler: "Redis") -> None:
    """Nothing is taken twice, nothing is lost; trimmed meanwhile, all that was kept is given up."""
    process = await start(redis_server.url)
    append(meddler, b"1")
    await until_taken([process], b"1")
    for texts, most in (([b"2", b"3"], 100), ([b"%d" % number for number in range(4, 500)], 10)):
        await asyncio.to_thread(_cut_off, meddler, texts, most)
        await until_taken([process], *texts[-most:])
        assert process.lost == (most < len(texts))
    assert process.taken[:3] == [b"1", b"2", b"3"]
    assert len(process.taken) == len({*process.taken}) == 13


def _cut_off(meddler: "Redis", texts: Sequence[bytes], most: int) -> None:
    """Append while nobody else is connected, which Redis sees to in one go."""
    pipeline = meddler.pipeline()
    pipeline.client_kill_filter(_type="normal", skipme=True)
    for text in texts:
        pipeline.xadd(KEY, {b"event": text})
    pipeline.xtrim(KEY, maxlen=most, approximate=False)
    pipeline.execute()


async def test_a_backlog_does_not_hold_the_loop(start: Start, redis_server: RedisServer, meddler: "Redis") -> None:
    """However much has been appended, other things have their turn all the time."""
    process = await start(redis_server.url)
    append(meddler, b"first")
    await until_taken([process], b"first")
    turns, before = 0, 0
    texts = [b"%d" % number for number in range(5_000)]
    append(meddler, *texts)
    async with asyncio.timeout(120):
        while len(process.taken) <= len(texts):
            turns += len(process.taken) > before
            assert len(process.taken) - before <= 20
            before = len(process.taken)
            await asyncio.sleep(0)
    assert turns >= len(texts) / 20
    assert sorted(process.done) == sorted([b"first", *texts])


@pytest.mark.parametrize("without", ["+xrange", "~bff.claim:*", "+client|tracking"])
async def test_who_may_not_lacks_only_that(
    start: Start, redis_server: RedisServer, meddler: "Redis", without: str
) -> None:
    """Redis is used all the same; the log says why, once, until it is permitted."""
    make_user(meddler, [word for word in documented() if word != without])
    lines: list[bytes] = []
    with heard(lines.append):
        one, other = await start(address(redis_server.port)), await start(redis_server.url)
        append(meddler, b"1", b"2")
        await until_taken([other], b"1", b"2")
        if without == "+xrange":
            async with asyncio.timeout(SOON):
                while metrics.events_readable._value.get() or not any(b"redis refuses a log" in line for line in lines):
                    await asyncio.sleep(0.001)
            assert one.taken == []
            make_user(meddler, documented())
        await until_taken([one], b"1", b"2")
        make_user(meddler, documented())
        append(meddler, b"3")
        await until_taken([one, other], b"3")
    refused = [line for line in lines if b"redis refuses" in line]
    assert len(refused) == (without != "+client|tracking")
    assert not any(b"redis tier bypassed" in line for line in lines)


async def test_in_every_form_of_redis(start: Start, redis_set: RedisSet) -> None:
    """Whichever node has the stream, and whichever the claims."""
    processes = [await start(redis_set.url, "elsewhere") for _ in range(2)]
    texts = [b"%d" % number for number in range(50)]
    with redis_set.holder("elsewhere") as client:
        append(client, *texts, key="elsewhere")
        await until_taken(processes, *texts)
        client.delete("elsewhere")
        await until_lost(*processes)
        append(client, b"after", key="elsewhere")
        await until_taken(processes, b"after")
