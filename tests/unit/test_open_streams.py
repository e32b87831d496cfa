"""Streams that stay: signs of life, and the reasons for which they end, by a clock that a test sets."""

import asyncio
from typing import Any

import pytest

from shared.edge.edge import Edge
from shared.errors import Shed
from shared.http.exchange import Exchange
from shared.http.streams.event import SERVER_SENT_EVENTS, Wire
from shared.http.streams.live import LiveStream
from shared.http.streams.places import Places
from shared.http.streams.streams import HEARTBEAT_SECONDS, Streams
from shared.observing import metrics
from shared.observing.tracing import begin_trace
from tests.fixtures.gateway import Clock

WIRE = Wire(SERVER_SENT_EVENTS, is_chunked=False)
DRAINED = b'retry: 3000\nevent: end\ndata: {"reason":"drain","retry":3000}\n\n'


def _exchange() -> Exchange:
    """One whose stream has begun as far as gauges know: it is not active any more."""
    exchange = Exchange(begin_trace(None, None, None), 0.0)
    exchange.is_stream = True
    return exchange


class Transport:
    """Takes what is written, of which so much is not read yet."""

    def __init__(self) -> None:
        self.sent = b""
        self.unread = 0
        self.aborted = False

    def write(self, data: bytes) -> None:
        """Send it; behind what is not read, it is not read either."""
        self.sent += data
        self.unread += len(data) if self.unread else 0

    def get_write_buffer_size(self) -> int:
        """What is not read."""
        return self.unread

    def get_extra_info(self, _name: str) -> None:
        """There is no socket."""
        return

    def is_closing(self) -> bool:
        """Whether it is over."""
        return self.aborted

    def abort(self) -> None:
        """End it."""
        self.aborted = True


class Connection:
    """A connection that a stream has to itself."""

    def __init__(self) -> None:
        self.released = False

    def hand_over(self, stream: LiveStream) -> None:
        """It is the stream's."""

    def release(self) -> None:
        """It is not any more."""
        self.released = True


class Opened:
    """Streams of one process, and what is sent on each."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.streams = Streams(
            Places(10, 10), Edge(), seconds=600.0, clock=self.clock, draw=lambda least, most: (least + most) / 2
        )

    def open(self) -> tuple[LiveStream, Transport, Connection]:
        """One more."""
        stream = self.streams.admit(WIRE, _exchange())
        transport, connection = Transport(), Connection()
        opened: Any = transport
        stream.has_begun = True
        metrics.streams_open.inc()
        stream.open(opened)
        stream.stay(connection, ("GET", "/"))
        return stream, transport, connection

    def pass_by(self, seconds: float) -> None:
        """So much time passes, a second at a time."""
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now += 1
            self.streams.tick()


@pytest.fixture
async def opened(loop: object) -> Any:
    """None is open yet."""
    made = Opened()
    async with made.streams:
        yield made


async def test_a_stream_shows_that_it_lives(opened: Opened) -> None:
    """Each fifteen seconds, by a comment, whenever it has begun."""
    _, first, _ = opened.open()
    opened.pass_by(7)
    _, second, _ = opened.open()
    opened.pass_by(HEARTBEAT_SECONDS * 4)
    assert (first.sent, second.sent) == (b":\n\n" * 4, b":\n\n" * 4)


async def test_a_stream_ends_when_its_time_is_over(opened: Opened) -> None:
    """It says so, its connection is closed, and there is room for another one."""
    stream, transport, connection = opened.open()
    opened.pass_by(601)
    assert transport.sent.endswith(b'event: end\ndata: {"reason":"limit"}\n\n')
    assert (stream.ended, connection.released, len(opened.streams)) == ("limit", True, 0)


async def test_who_reads_nothing_is_let_go(opened: Opened) -> None:
    """After two heartbeats in a row; who reads slowly stays, and is sent nothing while it is behind."""
    stuck, nothing, _ = opened.open()
    slow, little, _ = opened.open()
    nothing.unread = little.unread = 100_000
    stuck.written = slow.written = 100_000
    slow.pause()
    for _ in range(4):
        opened.pass_by(HEARTBEAT_SECONDS)
        little.unread -= 1_000
    assert (nothing.aborted, stuck.ended) == (True, "stuck")
    assert (little.aborted, slow.ended, little.sent) == (False, "", b"")
    slow.resume()
    opened.pass_by(HEARTBEAT_SECONDS)
    assert little.sent == b":\n\n"


async def test_a_process_that_stops_ends_all_and_takes_no_more(opened: Opened) -> None:
    """Each is told for how long to stay away."""
    both = [opened.open() for _ in range(2)]
    opened.streams.drain()
    for stream, transport, connection in both:
        assert transport.sent == DRAINED
        assert (stream.ended, connection.released) == ("drain", True)
    with pytest.raises(Shed):
        opened.open()


async def test_one_that_has_not_begun_is_left_alone(opened: Opened) -> None:
    """What it will be is not known yet; when it is, it ends all the same."""
    stream = opened.streams.admit(WIRE, _exchange())
    opened.pass_by(700)
    opened.streams.drain()
    assert len(opened.streams) == 1
    stream.has_begun = True
    metrics.streams_open.inc()
    opened.streams.settle(stream)
    assert stream.ended == "drain"
    assert stream.take_held() == DRAINED


async def test_there_is_one_timer_and_none_when_nothing_is_open(opened: Opened) -> None:
    """Whatever the number of streams."""
    loop: Any = asyncio.get_running_loop()
    before = len(loop._scheduled)
    all_of_them = [opened.open() for _ in range(10)]
    assert len(loop._scheduled) == before + 1
    for stream, _, _ in all_of_them:
        stream.lost()
    assert (len(opened.streams), {stream.ended for stream, _, _ in all_of_them}) == (0, {"left"})
