"""The early path under pressure: answers do not pile up, none overtakes another, what is asked meanwhile waits."""

import asyncio
import math
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from sanic import HTTPResponse, Request, Sanic

from shared.edge.edge import Edge
from shared.http import routing
from shared.http.early_answers import EarlyAnswers
from shared.http.early_routes import EarlyRoute, ReadyResponse, Response
from shared.http.exchange import Exchange
from shared.http.protocol import Protocol
from shared.http.receive_buffer import HIGH_WATER
from shared.serving.app import build_app
from shared.settings.declared import Settings
from shared.settings.loading import load
from tests.kit.operations import operation

BODY: Final = b"{%b}" % (b" " * 100_000)
MADE: Final = b'{"made": 1}'
_READ_AT_ONCE: Final = 256 * 1024
_LARGE: Final = 6_000
_MOST: Final = 200
"""Requests after which a server that does not mind has shown it."""
_length: Final = re.compile(rb"(?i)\r\ncontent-length: ([0-9]+)").search


def hit(name: str, *, size: int = 1) -> bytes:
    """A request for ``name`` of at least so many bytes."""
    return b"GET /early/%b HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n" % (name.encode(), b"x" * size)


@dataclass
class Scene:
    """An app whose answers are ready, but for one that is made when a door is opened, and a client that is slow."""

    app: Sanic[Any, Any]
    client: socket.socket
    sent_ready: list[str]
    making: asyncio.Event = field(default_factory=asyncio.Event)
    door: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def connection(self) -> Protocol:
        """The server's end."""
        (connection,) = self.app.ctx.connections
        assert isinstance(connection, Protocol)
        return connection

    @property
    def transport(self) -> asyncio.Transport:
        """What the server's end writes to."""
        transport = self.connection.transport
        assert transport is not None
        return transport

    async def send(self, data: bytes) -> None:
        """Send it, and give the server time to do about it what it can."""
        await asyncio.get_running_loop().sock_sendall(self.client, data)
        for _ in range(10):
            await asyncio.sleep(0)

    async def fill(self) -> int:
        """Send small requests until more answers wait to be sent than there is room for; tells how many."""
        sent = 0
        while self.connection._can_write.is_set():
            await self.send(hit("big"))
            sent += 1
            while len(self.sent_ready) < sent:
                await asyncio.sleep(0)
            await asyncio.sleep(0)  # what is ready is sent when all of a turn is counted
            assert sent < _MOST
        return sent

    async def send_until_stopped(self) -> int:
        """Send large requests until the server reads no more; tells how many."""
        sent = 0
        while self.transport.is_reading():
            await self.send(hit("big", size=_LARGE))
            sent += 1
            assert sent < _MOST
        return sent

    async def bodies(self, number: int) -> list[bytes]:
        """Those of so many answers, in the order in which they come."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_000_000)
        received, bodies = bytearray(), list[bytes]()
        while len(bodies) < number:
            head, _, body = received.partition(b"\r\n\r\n")
            found = _length(head)
            if found is not None and len(body) >= (length := int(found[1])):
                bodies.append(bytes(body[:length]))
                received = body[length:]
            else:
                data = await asyncio.get_running_loop().sock_recv(self.client, 65_536)
                assert data
                received += data
        return bodies


@pytest.fixture
async def scene(loop: object, sanic_client: Any) -> AsyncIterator[Scene]:
    """A client that has connected, and reads nothing yet."""
    sent_ready: list[str] = []
    edge = Edge()
    early = EarlyAnswers(edge)
    ready = ReadyResponse('"etag"', BODY)
    ready.set_headers({True: (), False: ()}, (), until=math.inf)

    def look(name: str) -> ReadyResponse | None:
        sent_ready.append(name)
        return ready if name == "big" else None

    async def make(_name: str, _etag: str | None, _exchange: Exchange) -> Response:
        made.making.set()
        await made.door.wait()
        return Response(200, {}, MADE)

    async def usual(_request: Request, name: str) -> HTTPResponse:
        return HTTPResponse(BODY, content_type="application/json")

    def routes(app: Sanic[Any, Any]) -> None:
        routing.get(app, "/early/<name:str>", usual, "early", operation("name"))
        early.declare(EarlyRoute("/early/", "/early/<name>", look, lambda _number: None, {}, make))

    app = build_app("early", load(Settings, {}), routes=[routes], early=early, edge=edge)
    server = await sanic_client(app, verify=False)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        made = Scene(app, client, sent_ready)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", server.port))
        while not getattr(app.ctx, "connections", None) or not made.connection._idle:
            await asyncio.sleep(0)
        yield made


async def test_while_answers_wait_to_be_read_no_more_are_given(scene: Scene) -> None:
    """Of what is asked meanwhile little is read, nothing is answered, and all of it once there is room again."""
    sent = await scene.fill()
    given, waiting = len(scene.sent_ready), scene.transport.get_write_buffer_size()
    await scene.send(hit("big"))
    sent += 1 + await scene.send_until_stopped()
    assert len(scene.sent_ready) == given
    assert scene.transport.get_write_buffer_size() <= waiting
    assert len(scene.connection._received) < HIGH_WATER + _READ_AT_ONCE
    assert await scene.bodies(sent) == [BODY] * sent
    assert scene.transport.is_reading()


async def test_nothing_overtakes_an_answer_that_is_being_made(scene: Scene) -> None:
    """What is asked meanwhile, though it is ready, is answered after it, and little of it is read."""
    await scene.send(hit("slow"))
    await scene.making.wait()
    await scene.send(hit("big"))
    sent = 1 + await scene.send_until_stopped()
    assert scene.sent_ready == ["slow"]
    assert len(scene.connection._received) < HIGH_WATER + _READ_AT_ONCE
    scene.door.set()
    assert await scene.bodies(1 + sent) == [MADE, *[BODY] * sent]


async def test_each_request_is_answered_by_its_own_fields(scene: Scene) -> None:
    """On one connection, whether or not they are those of the request before it."""
    for name in (b"one", b"two", b"two", b"three"):
        await scene.send(b"HEAD /early/big HTTP/1.1\r\nHost: x\r\nX-Request-ID: %b\r\n\r\n" % name)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await asyncio.get_running_loop().sock_recv(scene.client, 65_536)
        assert b"\r\nx-request-id: %b\r\n" % name in head.lower()
    assert len(scene.sent_ready) == 4


class Wire(asyncio.Transport):
    """Takes what is written on a connection; ``closed`` tells that that is over."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send it."""
        self.sent += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is room for everything."""

    def get_write_buffer_size(self) -> int:
        """All has been read."""
        return 0

    def is_closing(self) -> bool:
        """Whether it is over."""
        return self.closed.is_set()

    def can_write_eof(self) -> bool:
        """Its sending side can be closed alone."""
        return True

    def resume_reading(self) -> None:
        """It reads."""

    def close(self) -> None:
        """End it."""
        self.closed.set()


@pytest.mark.parametrize("name", ["big", "slow"])
async def test_a_request_that_comes_with_its_connection_is_answered_early(scene: Scene, name: str) -> None:
    """Before Sanic has begun with that, as uvloop gives it; the next request, and the end, find nothing amiss."""
    wire, expected = Wire(), {"big": BODY, "slow": MADE}
    connection = Protocol(app=scene.app, loop=asyncio.get_running_loop(), connections=set(), state={})
    connection.connection_made(wire)
    connection.data_received(hit(name))
    assert scene.sent_ready == [name]
    scene.door.set()
    while not wire.sent.endswith(expected[name]):
        await asyncio.sleep(0)
    while not connection._idle:
        await asyncio.sleep(0)
    connection.data_received(hit("big"))
    assert scene.sent_ready == [name, "big"]
    while not wire.sent.endswith(BODY):
        await asyncio.sleep(0)
    connection.eof_received()
    async with asyncio.timeout(5):
        await wire.closed.wait()
    connection.connection_lost(None)


async def test_what_follows_a_request_that_comes_with_its_connection_does_not_overtake_it(scene: Scene) -> None:
    """Though Sanic begins meanwhile, and what follows is ready."""
    wire = Wire()
    connection = Protocol(app=scene.app, loop=asyncio.get_running_loop(), connections=set(), state={})
    connection.connection_made(wire)
    connection.data_received(hit("slow"))
    await scene.making.wait()
    connection.data_received(hit("big"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert (wire.sent, scene.sent_ready) == (b"", ["slow"])
    scene.door.set()
    while not wire.sent.endswith(BODY):
        await asyncio.sleep(0)
    assert scene.sent_ready == ["slow", "big"]
    assert wire.sent.index(MADE) < wire.sent.index(BODY)
    connection.connection_lost(None)
