"""What a connection makes of the bytes that Redis sends, however they are cut, and whatever they are."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from types import SimpleNamespace
from typing import cast

import pytest
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import InvalidResponse, ResponseError

from shared.cache.address import REPLY_SECONDS
from shared.cache.link import Link, LinkLost
from tests.fixtures.jumping_loop import JumpingLoop, run

TOLD = b">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"
TOLD_ALL = b">2\r\n$10\r\ninvalidate\r\n_\r\n"
OF_ANOTHER_KIND = b">2\r\n$7\r\nmessage\r\n$1\r\na\r\n"
ANSWERS = b"$5\r\nvalue\r\n:30\r\n" + TOLD + b"_\r\n" + TOLD_ALL + OF_ANOTHER_KIND + b"-OOM no room\r\n"


class Wire:
    """A connection that is open, on which nobody answers but a test."""

    def __init__(self) -> None:
        self.sent = b""
        self.writes = 0
        self.aborted = False
        self._writer = SimpleNamespace(transport=self)

    async def connect(self) -> None:
        """Nothing to do."""

    async def can_read(self) -> bool:
        """Nothing has come."""
        return False

    async def disconnect(self, *, nowait: bool) -> None:
        """Nothing to do."""

    def set_protocol(self, _protocol: asyncio.Protocol) -> None:
        """The test has it already."""

    def write(self, data: bytes) -> None:
        """Take what is sent."""
        self.sent += data
        self.writes += 1

    def is_closing(self) -> bool:
        """Whether the end has come."""
        return self.aborted

    def abort(self) -> None:
        """The end."""
        self.aborted = True


class Opened:
    """A link over such a connection, and what it has told of changes."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.changes: list[Iterable[str] | None] = []
        self.link = Link(cast("AbstractConnection", self.wire), self.changes.append, REPLY_SECONDS)

    async def open(self, answer: bytes) -> bool:
        """Open it; Redis answers this to the wish to be told of changes."""
        opening = asyncio.ensure_future(self.link.open("bff:"))
        while not self.wire.sent:
            await asyncio.sleep(0)
        self.link.data_received(answer)
        return await opening


@pytest.fixture
async def opened(loop: object) -> AsyncIterator[Opened]:
    """An open link, closed after the test."""
    made = Opened()
    assert await made.open(b"+OK\r\n")
    made.wire.sent, made.wire.writes = b"", 0
    yield made
    await made.link.close()
    assert made.wire.aborted


@pytest.mark.parametrize("size", [1, 2, 7, len(ANSWERS)])
async def test_answers_and_news_are_told_apart_however_they_are_cut(opened: Opened, size: int) -> None:
    """Answers go to those who asked, in order, errors as values; news go to whoever keeps memory."""
    both, none = opened.link.execute(("GET", "a"), ("PTTL", "a")), opened.link.execute(("GET", "b"))
    refused = opened.link.execute(("SET", "b", b""))
    for start in range(0, len(ANSWERS), size):
        opened.link.data_received(ANSWERS[start : start + size])
    assert await both == [b"value", 30]
    assert await none == [None]
    (error,) = await refused
    assert isinstance(error, ResponseError)
    assert str(error) == "OOM no room"
    assert opened.changes == [["a", "b"], None]


async def test_what_is_asked_in_one_turn_leaves_together(opened: Opened) -> None:
    """Whoever asks, in the order in which they ask; bytes, text and numbers alike."""
    asked = [opened.link.execute(("SET", "ä", b"\r\n", "PX", 30)), opened.link.execute(("PING",))]
    while not opened.wire.sent:
        await asyncio.sleep(0)
    assert opened.wire.writes == 1
    words = (b"SET", "ä".encode(), b"\r\n", b"PX", b"30")
    packed = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    assert opened.wire.sent == b"*5\r\n" + packed + b"*1\r\n$4\r\nPING\r\n"
    opened.link.data_received(b"+OK\r\n+PONG\r\n")
    assert await asyncio.gather(*asked) == [[b"OK"], [b"PONG"]]


async def test_what_nobody_waits_for_leaves_with_what_is_asked_next_or_by_itself(opened: Opened) -> None:
    """In the order in which it was said."""
    posted = opened.link.post(("SET", "a", b"1"))
    asked = opened.link.execute(("PING",))
    while not opened.wire.sent:
        await asyncio.sleep(0)
    assert opened.wire.writes == 1
    assert opened.wire.sent.endswith(b"1\r\n*1\r\n$4\r\nPING\r\n")
    last = opened.link.post(("ECHO", "b"))
    while not opened.wire.sent.endswith(b"b\r\n"):
        await asyncio.sleep(0)
    opened.link.data_received(b"+OK\r\n+PONG\r\n+b\r\n")
    assert [*await posted, *await asked, *await last] == [b"OK", b"PONG", b"b"]


@pytest.mark.parametrize(
    ("sent", "error"), [(b"what?\r\n", InvalidResponse), (b"$3\r\nvalue\r\n", InvalidResponse), (b"", OSError)]
)
async def test_the_end_of_the_connection_is_told_to_all(opened: Opened, sent: bytes, error: type[Exception]) -> None:
    """Bytes that are no RESP are the end too: whoever waits is told, and whoever asks then; news are not heard."""
    waiting = [opened.link.execute(("GET", "a")) for _ in range(3)]
    if sent:
        opened.link.data_received(sent)
        opened.link.data_received(b"+late\r\n")
    else:
        opened.link.connection_lost(ConnectionResetError())
    assert isinstance(await opened.link.lost, error)
    results = await asyncio.gather(*waiting, opened.link.execute(("GET", "b")), return_exceptions=True)
    assert [type(result) for result in results[-3:]] == [LinkLost] * 3
    opened.link.data_received(TOLD)
    assert opened.changes == []


async def test_an_answer_to_nothing_ends_the_connection(opened: Opened) -> None:
    """Who knows whose the next one would be."""
    asked = opened.link.execute(("PING",))
    opened.link.data_received(b"+PONG\r\n+PONG\r\n")
    assert await asked == [b"PONG"]
    assert isinstance(await opened.link.lost, IndexError)


async def test_a_redis_that_does_not_tell_of_changes_is_open_all_the_same(loop: object) -> None:
    """It says so when it is asked."""
    made = Opened()
    assert not await made.open(b"-NOPERM no permissions\r\n")
    await made.link.close()


async def _asking() -> tuple[Opened, "asyncio.Future[list[object]]", JumpingLoop]:
    made, loop = Opened(), asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    assert await made.open(b"+OK\r\n")
    return made, made.link.execute(("PING",)), loop


async def _lost_after(made: Opened, loop: JumpingLoop) -> float:
    begun = loop.time()
    assert isinstance(await made.link.lost, TimeoutError)
    return loop.time() - begun


def test_an_answer_that_does_not_come_is_overdue_in_time() -> None:
    """Whoever waits is told then, and not before."""

    async def wait() -> None:
        made, asked, loop = await _asking()
        assert await _lost_after(made, loop) == pytest.approx(REPLY_SECONDS)
        assert isinstance(asked.exception(), LinkLost)
        await made.link.close()

    run(wait())


@pytest.mark.parametrize("seconds", [0.02, 0.06, 0.1, 0.15, 0.17, 0.3, 30.0])
@pytest.mark.parametrize("begun", [0.0, 0.001, 0.05, 0.099, 0.101, 0.12, 0.139, 0.141, 0.149])
def test_a_process_that_was_held_up_is_answered_all_the_same(begun: float, seconds: float) -> None:
    """Redis may have been held up too: there is time for its answer after that; one that never comes is overdue."""

    async def wait() -> None:
        for answers in (True, False):
            made, asked, loop = await _asking()
            await asyncio.sleep(begun)
            loop.hold_up(seconds)
            if answers:
                await asyncio.sleep(0.02 if begun < 0.1 else 0.005)
                made.link.data_received(b"+PONG\r\n")
                assert await asked == [b"PONG"]
                await asyncio.sleep(10)
                assert not made.link.lost.done()
            else:
                assert await _lost_after(made, loop) <= REPLY_SECONDS
            await made.link.close()

    run(wait())


@pytest.mark.parametrize("latency", [0.09, 0.11, 0.13, 0.145])
@pytest.mark.parametrize("between", [0.001, 0.005, 0.04, 0.2])
def test_a_redis_that_is_always_in_time_is_kept(latency: float, between: float) -> None:
    """Each answer has all of its time, whatever the one before has taken of its own."""

    async def wait() -> None:
        made, _, loop = await _asking()
        made.link.data_received(b"+PONG\r\n")
        for number in range(400):
            asked = made.link.execute(("PING",))
            loop.call_later(latency, made.link.data_received, b"+PONG\r\n")
            asked.add_done_callback(lambda future: future.exception())
            await asyncio.sleep(between)
            assert not made.link.lost.done(), f"with command {number}"
        assert await asked == [b"PONG"]
        made.link.execute(("PING",)).add_done_callback(lambda future: future.exception())
        assert await _lost_after(made, loop) == pytest.approx(REPLY_SECONDS)
        await made.link.close()

    run(wait())


@pytest.mark.parametrize("seconds", [0.001, 0.006, 0.03, 0.2])
def test_a_redis_that_hangs_is_noticed_by_a_loop_that_is_held_up_again_and_again(seconds: float) -> None:
    """Every second look counts at least."""

    async def wait() -> None:
        made, _, loop = await _asking()
        turns = 0
        while not made.link.lost.done():
            loop.hold_up(seconds)
            await asyncio.sleep(0.001)
            turns += 1
        assert turns < REPLY_SECONDS / (seconds + 0.001) + 20
        await made.link.close()

    run(wait())


@pytest.mark.parametrize("between", [0.03, 0.049, 0.06, 0.14])
def test_a_redis_that_falls_behind_is_given_up(between: float) -> None:
    """It answers one after another, each of them somewhat later than the one before, and nobody waits long."""

    async def wait() -> None:
        made, _, loop = await _asking()
        for _ in range(100):
            made.link.execute(("PING",)).add_done_callback(lambda future: future.exception())
        begun = loop.time()
        while not made.link.lost.done():
            await asyncio.sleep(between)
            made.link.data_received(b"+PONG\r\n")
        assert loop.time() - begun <= REPLY_SECONDS + between
        await made.link.close()

    run(wait())
