"""Quotas that are leased from a real Redis: by several processes, and whatever becomes of it meanwhile."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count, islice

import orjson
import pytest
from redis import Redis

from shared.cache.address import REPLY_SECONDS
from shared.cache.cache import Cache
from shared.cache.quota_ledger import QuotaLedger
from shared.edge.bucket import ADMITTED, PENDING, REFUSED, Bucket, Verdict
from shared.edge.quotas import Quotas
from shared.edge.settings import EdgeSettings
from shared.settings.loading import load
from tests.fixtures.log_lines import heard
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.redis_sets import Cluster, RedisSet
from tests.fixtures.redis_users import address, documented, make_user
from tests.fixtures.slot_moves import moving
from tests.kit.caches import OpenCache, until, waited
from tests.kit.quota_process import SUBJECT, Now
from tests.kit.views import Disturbed, undisturbed

NOW = 1_800_000_000.0
QUOTA, PROCESSES = 100, 4
SHARE = QUOTA // PROCESSES
LONG = 1_000.0
_numbers = count()


@dataclass
class Side:
    """One process, as it were."""

    cache: Cache
    ledger: QuotaLedger
    quotas: Quotas
    clock: Now

    @property
    def bucket(self) -> Bucket:
        """Of somebody."""
        return self.of(SUBJECT)

    def of(self, subject: str) -> Bucket:
        """The bucket of a user."""
        assert self.quotas.user is not None
        return self.quotas.user.bucket(subject)

    async def admitted(self, requests: int, subject: str = SUBJECT) -> int:
        """How many of so many, that come one after another, are served."""
        return [await self.spend(subject) for _ in range(requests)].count(ADMITTED)

    async def spend(self, subject: str = SUBJECT) -> Verdict:
        """What becomes of a request."""
        bucket = self.of(subject)
        verdict = bucket.spend(self.clock())
        return await self.quotas.settle(bucket) if verdict is PENDING else verdict


OpenSide = Callable[..., Awaitable[Side]]


@pytest.fixture
async def open_side(open_cache: OpenCache) -> AsyncIterator[OpenSide]:
    """A function that opens a side on an address; patient, so that a busy machine is not taken for a slow Redis."""
    async with AsyncExitStack() as stack:

        async def open_(url: str, patience: float = LONG) -> Side:
            cache = await open_cache(url)
            assert cache.redis is not None
            ledger, clock = QuotaLedger(cache.redis, cache.keys), Now()
            clock.at = NOW
            settings = load(EdgeSettings, {"RATE_LIMIT_USER": f"{QUOTA}/60"})
            quotas = Quotas(settings, ledger, PROCESSES, clock=clock, patience=patience)
            return Side(cache, ledger, await stack.enter_async_context(quotas), clock)

        yield open_


async def admitted(sides: Sequence[Side], requests: int) -> list[int]:
    """How many of so many that come to each of them are served, by each."""
    return list(await asyncio.gather(*(side.admitted(requests) for side in sides)))


async def next_window(sides: Sequence[Side]) -> None:
    """It begins now, for all."""
    for side in sides:
        side.clock.at += 60


@asynccontextmanager
async def processes(url: str) -> AsyncIterator[Callable[[float, float, float], Awaitable[list[int]]]]:
    """Real ones; gives a function that has requests come to all of them, and tells how many are served by each."""
    children = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.kit.quota_process", url, str(PROCESSES), str(LONG)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(PROCESSES)
    ]

    async def line(child: asyncio.subprocess.Process) -> bytes:
        assert child.stdout is not None
        return await child.stdout.readline()

    async def offer(rate: float, seconds: float, now: float) -> list[int]:
        for child in children:
            assert child.stdin is not None
            child.stdin.write(f"{rate / PROCESSES} {seconds} {now}\n".encode())
        found = [list(map(int, (await line(child)).split())) for child in children]
        assert sum(map(sum, found)) == rate * seconds
        return [served for served, _ in found]

    try:
        assert [await line(child) for child in children] == [b"ready\n"] * PROCESSES
        yield offer
    finally:
        for child in children:
            assert child.stdin is not None
            child.stdin.close()
        ends = [await child.communicate() for child in children]
    if any(said.split()[-1:] != [b"undisturbed"] for said, _ in ends):
        raise Disturbed


@undisturbed()
async def test_four_processes_and_one_quota(loop: object, redis_server: RedisServer) -> None:
    """Real ones, at any rate, in each window: nearly all of it, and no more than one each slips through."""
    async with processes(redis_server.url) as offer:
        for window, rate in enumerate((500.0, 5_000.0, 500.0, 5_000.0)):
            served = sum(await offer(rate, 1.0, NOW + 60 * window))
            assert QUOTA - 5 <= served <= QUOTA + PROCESSES
    with redis_server.client() as client:
        keys = client.keys("bff.quota:user:*")
        assert len(keys) == 4
        assert not any(SUBJECT.encode() in key for key in keys)
        assert all(60_000 < client.pttl(key) <= 70_000 for key in keys)


@pytest.mark.parametrize("before", [0, 5, 20, 50])
async def test_a_redis_that_is_restarted(open_side: OpenSide, redis_server: RedisServer, before: int) -> None:
    """Empty: in that window there are no more than quota and shares, in the next there are leases again."""
    sides = [await open_side(redis_server.url) for _ in range(PROCESSES)]
    served = sum(await admitted(sides, before))
    redis_server.kill()
    for side in sides:
        await until(side.cache, up=False)
    served += sum(await admitted(sides[:2], 200))
    redis_server.start()
    for side in sides:
        await until(side.cache, up=True)
    served += sum(await admitted(sides, 200))
    assert QUOTA <= served + PROCESSES <= QUOTA + PROCESSES * SHARE + 2 * PROCESSES
    await next_window(sides)
    assert QUOTA - 5 <= sum(await admitted(sides, 200)) <= QUOTA + PROCESSES


async def test_a_redis_that_is_back_with_all_it_had(open_side: OpenSide, redis_server: RedisServer) -> None:
    """Only the connections were lost: leases go on in the same window, and what was spent of shares counts."""
    sides = [await open_side(redis_server.hasty_url) for _ in range(PROCESSES)]
    served = sum(await admitted(sides, 10))
    redis_server.signal(signal.SIGSTOP)
    for side in sides:
        await until(side.cache, up=False)
    served += sum(await admitted(sides[:1], 200))
    redis_server.signal(signal.SIGCONT)
    for side in sides:
        await until(side.cache, up=True)
        side.clock.at += 2
    served += sum(await admitted(sides, 200))
    assert QUOTA - 5 <= served <= QUOTA + 2 * PROCESSES


async def test_flushed(open_side: OpenSide, redis_server: RedisServer, meddler: "Redis") -> None:
    """Like restarted, on the connections that there are."""
    sides = [await open_side(redis_server.url) for _ in range(PROCESSES)]
    served = sum(await admitted(sides, 10))
    meddler.flushall()
    while any(side.ledger.remembers() > LONG for side in sides):
        await asyncio.sleep(0.001)
    served += sum(await admitted(sides, 200))
    assert served <= QUOTA + PROCESSES * SHARE + PROCESSES
    await next_window(sides)
    assert QUOTA - 5 <= sum(await admitted(sides, 200)) <= QUOTA + PROCESSES


async def test_a_redis_that_hangs(open_side: OpenSide, redis_server: RedisServer) -> None:
    """Whoever waits does so for a moment, and nobody does after that; all have their shares."""
    side = await open_side(redis_server.hasty_url, patience=0.02)
    redis_server.signal(signal.SIGSTOP)
    async with waited() as seconds:
        assert side.bucket.spend(NOW) is ADMITTED
        waiting = [side.bucket.spend(NOW) for _ in range(10)]
        assert waiting == [PENDING] * 10
        assert [*await asyncio.gather(*(side.quotas.settle(side.bucket) for _ in waiting))] == [ADMITTED] * 10
        assert seconds() < REPLY_SECONDS
    assert [side.bucket.spend(NOW) for _ in range(30)] == [ADMITTED] * 14 + [REFUSED] * 16
    await until(side.cache, up=False)
    assert [side.of("bob").spend(NOW) for _ in range(30)] == [ADMITTED] * 25 + [REFUSED] * 5
    redis_server.signal(signal.SIGCONT)


@undisturbed()
@pytest.mark.parametrize("wanting", ["+incrby", "~bff.quota:*"])
async def test_who_may_not_count(
    open_side: OpenSide, redis_server: RedisServer, meddler: "Redis", wanting: str
) -> None:
    """Has shares; the rest of Redis is used as before, and it is said once."""
    make_user(meddler, [word for word in documented() if word != wanting])
    side = await open_side(address(redis_server.port))
    said: list[str] = []
    with heard(lambda line: said.append(orjson.loads(line)["event"])):
        assert [await side.admitted(50, subject) for subject in ("ada", "bob")] == [SHARE, SHARE]
    assert said == ["quotas are not shared"]
    assert side.cache.redis is not None
    assert side.cache.redis.up
    assert not side.ledger.is_up


@undisturbed()
async def test_the_documented_user_may(open_side: OpenSide, redis_server: RedisServer, meddler: "Redis") -> None:
    """All of the quota."""
    make_user(meddler, documented())
    side = await open_side(address(redis_server.port))
    assert await side.admitted(200) == QUOTA
    assert meddler.execute_command("ACL", "LOG") == []


@undisturbed()
@pytest.mark.parametrize("garbage", ["list", "text", "too large"])
async def test_garbage_in_its_place(
    open_side: OpenSide, redis_server: RedisServer, meddler: "Redis", garbage: str
) -> None:
    """Costs its subject the leases of this window, and nobody else anything."""
    side = await open_side(redis_server.url)
    assert await side.admitted(2) == 2
    (key,) = meddler.keys("bff.quota:*")
    meddler.delete(key)
    meddler.rpush(key, "odd") if garbage == "list" else meddler.set(key, "odd" if garbage == "text" else 2**63 - 1)
    assert await side.admitted(200) == SHARE - 2
    assert meddler.pttl(key) > 0
    assert await side.admitted(200, "bob") == QUOTA
    assert side.cache.redis is not None
    assert side.cache.redis.up


@undisturbed()
async def test_every_form_of_redis(open_side: OpenSide, redis_set: RedisSet) -> None:
    """Many subjects, of which each has its quota, wherever its number stands."""
    sides = [await open_side(redis_set.url) for _ in range(2)]
    for number in islice(_numbers, 10):
        served = [await side.admitted(150, f"user{number}") for side in sides]
        assert QUOTA <= sum(served) <= QUOTA + len(sides)


async def test_a_number_that_is_being_moved(open_side: OpenSide, cluster: Cluster) -> None:
    """It is not known meanwhile: a share is, and others have their leases; afterwards it is known again."""
    side = await open_side(cluster.url)
    served = await side.admitted(1)
    keys: list[str] = []
    while not keys:
        await asyncio.sleep(0.001)
        keys = [key.decode() for node in cluster.nodes for key in node.ask("KEYS", "bff.quota:*") or ()]
    with moving(cluster, keys[0]) as move:
        move.move(keys[0])
        served += await side.admitted(200)
        assert served == SHARE
        assert await side.admitted(200, "bob") == QUOTA
    while served < QUOTA:  # the first question to the node that had it makes the tier look up the nodes again
        served += await side.admitted(1)
        side.clock.at += 0.001
        await asyncio.sleep(0.001)
    assert side.clock.at < NOW + 60
    assert await side.admitted(200) <= 1
