"""A Redis that answers with what is no answer is a lost connection: every request gets its answer all the same."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any, Final

import orjson
import pytest

from shared.cache.backoff import STEADY_SECONDS
from shared.observing import metrics
from tests.fixtures.fake_services import FakeServices, order, product, user
from tests.fixtures.gateway import Clock, Gateway, StartGateway
from tests.fixtures.log_lines import heard
from tests.fixtures.odd_redis import OddRedis, bulk

ANSWERS: Final = {
    "integer": b":7\r\n",
    "negative integer": b":-7\r\n",
    "greatest integer": b":9223372036854775807\r\n",
    "string": bulk(b"text"),
    "no bytes": bulk(b""),
    "simple string": b"+QUEUED\r\n",
    "verbatim string": b"=7\r\ntxt:abc\r\n",
    "error": b"-ERR what?\r\n",
    "error without a text": b"-\r\n",
    "null": b"_\r\n",
    "null string": b"$-1\r\n",
    "null array": b"*-1\r\n",
    "boolean": b"#t\r\n",
    "double": b",1.5\r\n",
    "not a number": b",nan\r\n",
    "big number": b"(123456789012345678901234567890\r\n",
    "array": b"*2\r\n:1\r\n:2\r\n",
    "empty array": b"*0\r\n",
    "array of an error": b"*1\r\n-ERR what?\r\n",
    "nested array": b"*1\r\n*1\r\n*1\r\n_\r\n",
    "too deeply nested": b"*1\r\n" * 1000 + b"_\r\n",
    "map": b"%1\r\n+a\r\n:1\r\n",
    "map with a list for a key": b"%1\r\n*1\r\n:1\r\n:1\r\n",
    "set": b"~2\r\n:1\r\n+a\r\n",
    "attribute": b"|1\r\n+a\r\n+b\r\n:1\r\n",
    "blob error": b"!3\r\nERR\r\n",
    "two answers": b"+OK\r\n+OK\r\n",
    "news": b">2\r\n+invalidate\r\n_\r\n:1\r\n",
    "huge array": b"*500000000\r\n",
    "huge map": b"%500000000\r\n",
    "huge nested array": b"*1\r\n*500000000\r\n",
    "huge string": b"$9999999999\r\n",
    "streamed": b"$?\r\n;1\r\na\r\n;0\r\n",
    "nothing of the kind": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}
PUSHES: Final = {
    "empty": b">0\r\n",
    "null": b">-1\r\n",
    "nothing but a kind": b">1\r\n+invalidate\r\n",
    "no kind": b">2\r\n:1\r\n_\r\n",
    "a list for a kind": b">2\r\n*1\r\n+invalidate\r\n_\r\n",
    "of another kind": b">2\r\n+message\r\n:1\r\n",
    "a number for names": b">2\r\n+invalidate\r\n:1\r\n",
    "a text for names": b">2\r\n+invalidate\r\n+name\r\n",
    "a map for names": b">2\r\n+invalidate\r\n%1\r\n+a\r\n:1\r\n",
    "no names": b">2\r\n+invalidate\r\n*0\r\n",
    "a number for a name": b">2\r\n+invalidate\r\n*2\r\n+a\r\n:1\r\n",
    "null for a name": b">2\r\n+invalidate\r\n*1\r\n_\r\n",
    "a list for a name": b">2\r\n+invalidate\r\n*1\r\n*1\r\n+a\r\n",
    "no text for a name": b">2\r\n+invalidate\r\n*1\r\n$2\r\n\xff\xfe\r\n",
    "too many": b">3\r\n+invalidate\r\n*1\r\n+a\r\n*0\r\n",
    "inside another": b">2\r\n+invalidate\r\n>1\r\n_\r\n",
    "an error": b">2\r\n-ERR\r\n_\r\n",
    "an answer to nothing": b"+OK\r\n",
    "huge": b">500000000\r\n",
    "huge within": b">2\r\n+invalidate\r\n*500000000\r\n",
    "of a huge name": b">2\r\n+invalidate\r\n*1\r\n$9999999999\r\n",
}
USERS: Final = 200
_UNREADABLE: Final = "map with a list for a key"
"""hiredis cannot make anything of it, and says so by an error of its own kind."""
_TOKEN: Final = "open-sesame"
_LOOKS_A_ROUND: Final = 5


@pytest.fixture
def unexpected() -> Iterator[list[str]]:
    """What is logged as an error, and whatever has frames."""
    lines: list[str] = []

    def take(line: bytes) -> None:
        document = orjson.loads(line)
        if document["level"] == "error" or "frames" in document:
            lines.append(line.decode())

    with heard(take):
        yield lines


class Asker:
    """Asks a gateway for ever new users and all else that has to do with Redis; all answers are as they ought to be."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._numbers = count()

    async def ask(self, *, stats: bool = False) -> None:
        """One round."""
        name = f"user{next(self._numbers) % USERS}"
        for _ in range(2):
            answer = await self._gateway.get(f"/api/profile/{name}")
            document = answer.json()
            assert (answer.status_code, document["user"]["id"]) == (200, name)
            assert document["metadata"]["partial"] is False
        if stats:
            assert (await self._gateway.get("/api/cache/stats")).status_code == 200
        assert await self.purge(name) in {204, 503}

    async def purge(self, name: str) -> int:
        """The status of a purge of one user."""
        answer: Any = await self._gateway.client.delete(
            f"/api/cache/profile/{name}", headers={"Authorization": f"Bearer {_TOKEN}"}
        )
        return int(answer.status_code)

    async def until(self, is_so: Callable[[], bool], *, stats: bool = False) -> None:
        """Go on until it is so; at least once."""
        async with asyncio.timeout(20):
            for look in count():
                if look % _LOOKS_A_ROUND == 0:
                    await self.ask(stats=stats)
                if is_so():
                    return
                await asyncio.sleep(0.02)

    def wait(self) -> None:
        """Let so much time go by that Redis counts as one that stays up."""
        self._clock.now += STEADY_SECONDS


StartAsking = Callable[[OddRedis], Awaitable[Asker]]


def _is_up() -> bool:
    return bool(metrics.cache_tier_up.labels("redis")._value.get())


@pytest.fixture
def start_asking(start_gateway: StartGateway) -> StartAsking:
    """A gateway on a Redis, and who asks it."""

    async def start(redis: OddRedis) -> Asker:
        names = [f"user{number}" for number in range(USERS)]
        services = FakeServices(
            users={name: user(name) for name in names},
            orders={name: [order("o1", name, "p1")] for name in names},
            products={"p1": product("p1")},
        )
        clock = Clock()
        gateway = await start_gateway(services, REDIS_URL=redis.url, ADMIN_TOKEN=_TOKEN, clock=clock)
        asker = Asker(gateway, clock)
        await asker.until(_is_up)
        asker.wait()
        return asker

    return start


async def _use(asker: Asker, redis: OddRedis) -> None:
    """By itself, and soon, Redis is used again."""
    await asker.until(_is_up)
    await asker.ask()
    asker.wait()
    assert not redis.odd


@pytest.mark.parametrize("command", ["GET", "TIME", "SET", "UNLINK", "ROLE", "DBSIZE", "INFO"])
async def test_answers_that_are_none(
    start_asking: StartAsking, odd_redis: OddRedis, unexpected: list[str], command: str
) -> None:
    """Whatever is sent in the place of an answer: no request fails, and Redis counts as away for a moment at most."""
    asker = await start_asking(odd_redis)
    for kind, answer in ANSWERS.items():
        odd_redis.odd, odd_redis.told = {command: answer}, {}
        await asker.until(lambda: command in odd_redis.told, stats=command in {"DBSIZE", "INFO"})
        await asker.ask()
        odd_redis.odd = {}
        await _use(asker, odd_redis)
        if kind == _UNREADABLE:
            assert all("answer of redis cannot be read" in line for line in unexpected)
            unexpected.clear()
        assert unexpected == [], kind


@pytest.mark.parametrize("command", ["HELLO", "CLIENT", "ROLE", "SET", "GET", "PTTL"])
async def test_greetings_that_are_none(start_asking: StartAsking, odd_redis: OddRedis, command: str) -> None:
    """While a connection is being made, too; it is tried again on and on."""
    asker = await start_asking(odd_redis)
    for answer in ANSWERS.values():
        odd_redis.odd, odd_redis.told = {command: answer}, {}
        odd_redis.cut()
        await asker.until(lambda: command in odd_redis.told)
        odd_redis.odd = {}
        await _use(asker, odd_redis)


@pytest.mark.parametrize("pieces", [1, 2, 1000])
async def test_news_that_are_none(
    start_asking: StartAsking, odd_redis: OddRedis, unexpected: list[str], pieces: int
) -> None:
    """However they are cut; what cannot be understood ends the connection, since something may have changed."""
    asker = await start_asking(odd_redis)
    for kind, news in PUSHES.items():
        size = -(-len(news) // pieces)
        for start in range(0, len(news), size):
            odd_redis.send(news[start : start + size])
            await asyncio.sleep(0)
        for _ in range(3):
            await asker.ask()
        await _use(asker, odd_redis)
        assert unexpected == [], kind


@pytest.mark.parametrize("told", ["ASK 866 127.0.0.1:7001", "TRYAGAIN Multiple keys request during rehashing of slot"])
@pytest.mark.parametrize("commands", [["GET"], ["PTTL"], ["SET"], ["UNLINK"], ["PEXPIRE"], ["GET", "SET", "UNLINK"]])
async def test_keys_are_being_moved(
    start_asking: StartAsking, odd_redis: OddRedis, unexpected: list[str], told: str, commands: list[str]
) -> None:
    """No request fails, Redis is used on, and purges that it may not have carried out are no success."""
    asker = await start_asking(odd_redis)
    greeted, faults = odd_redis.greeted, metrics.service_errors.labels("redis")._value.get()
    odd_redis.odd = {command: f"-{told}\r\n".encode() for command in commands}
    for _ in range(5):
        await asker.ask()
        assert _is_up()
    purges = {await asker.purge(f"user{number}") for number in range(5)}
    assert purges == ({503} if {"SET", "UNLINK"} & set(commands) else {204})
    assert (odd_redis.greeted, metrics.service_errors.labels("redis")._value.get()) == (greeted, faults)
    assert unexpected == []
