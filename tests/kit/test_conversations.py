"""HTTP/1.1 on a real socket, to the letter: what is refused, what is one list, who gets an answer, who is let go."""

import asyncio
import contextlib
import gc
import socket
import time
from typing import Any

import orjson
import pytest

from shared.http.connections import Connections
from shared.http.protocol import Protocol
from shared.http.receive_buffer import ReceiveBuffer
from shared.observing.metrics import connections
from tests.fixtures.log_lines import heard
from tests.kit.wire import Counted, Doors, Wire, active, small_app

HIDDEN = b"GET /hello/hidden HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def doors(loop: object) -> Doors:
    """The doors of the app under test."""
    return Doors()


@pytest.fixture
async def port(loop: object, sanic_client: Any, doors: Doors) -> int:
    """The port of a running small app."""
    client = await sanic_client(small_app(doors), verify=False)
    served: int = client.port
    return served


async def _all(port: int, *pieces: bytes, shut: bool = False) -> bytes:
    """All that comes back until the server ends the connection, or has nothing more to say when ``shut``."""
    async with Wire(port) as wire:
        for piece in pieces:
            wire.send(piece)
            await asyncio.sleep(0)
        if shut:
            wire.shut()
        return await wire.ended()


@pytest.mark.parametrize(
    "field",
    [
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\x0bchunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3",
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Transfer-Encoding: Chunked",
        b"X: y\nTransfer-Encoding: chunked",
        b" Transfer-Encoding: chunked",
        b"Content-Length: +3",
    ],
)
@pytest.mark.parametrize("path", [b"/length", b"/nowhere", b"/hello/ada"])
async def test_a_smuggled_request_is_never_answered(port: int, path: bytes, field: bytes) -> None:
    """The doubtful head is a 400 that names its target, and nothing behind it is heard."""
    counted = Counted()
    stream = await _all(port, b"POST %b HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n0\r\n\r\n" % (path, field) + HIDDEN)
    assert stream.startswith(b"HTTP/1.1 400 ")
    assert stream.count(b"HTTP/1.1 ") == 1
    assert b"\r\nconnection: close\r\n" in stream
    assert orjson.loads(stream.partition(b"\r\n\r\n")[2])["instance"] == path.decode()
    assert await counted.reaches(1) == {("OTHER", "unmatched", "400"): 1}


@pytest.mark.parametrize(
    "body", [b"zz\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"3\nabc\n0\n\n", b"0\r\nGET "]
)
@pytest.mark.parametrize(("path", "status"), [(b"/length", b"400"), (b"/nowhere", b"404")])
async def test_nothing_behind_malformed_chunks_is_answered(port: int, path: bytes, status: bytes, body: bytes) -> None:
    """Whether the body is read by an endpoint or by nobody."""
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % path
    stream = await _all(port, head + body + HIDDEN)
    assert stream.startswith(b"HTTP/1.1 %b " % status)
    assert stream.count(b"HTTP/1.1 ") == 1


async def test_chunks_arrive_whole(port: int) -> None:
    """However small they are, with extensions, and with another request behind them."""
    body = b"".join(b"1;a=b\r\n%c\r\n" % letter for letter in b"x" * 900) + b"0\r\n\r\n"
    async with Wire(port) as wire:
        wire.send(b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body + HIDDEN)
        assert orjson.loads((await wire.answer())[2]) == {"length": 900}
        assert (await wire.answer())[0] == 200


async def test_fields_beyond_the_limit_are_431(port: int) -> None:
    """The problem says which target was asked for."""
    stream = await _all(port, b"GET /hello/ada HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 9000 + b"\r\n\r\n")
    problem = orjson.loads(stream.partition(b"\r\n\r\n")[2])
    assert stream.startswith(b"HTTP/1.1 431 ")
    assert (problem["type"], problem["instance"]) == ("urn:problem:fields-too-large", "/hello/ada")


@pytest.mark.parametrize(
    "line", [b"GET http://x HTTP/1.1", b"GET http://x/hello/ada HTTP/1.2", b"GET /hello/ada HTTP/1.9"]
)
async def test_absolute_targets_and_later_versions_are_served(port: int, line: bytes) -> None:
    """An empty path is the root, which the app does not have."""
    async with Wire(port) as wire:
        for _ in range(2):
            wire.send(line + b"\r\nHost: x\r\n\r\n")
            status, headers, _ = await wire.answer()
            assert status == (404 if line.endswith(b"http://x HTTP/1.1") else 200)
            assert "json" in headers["content-type"]
            assert headers["connection"] == "keep-alive"


async def test_a_request_id_on_two_lines_is_none(port: int) -> None:
    """One list of two is no id; a new one is made."""
    async with Wire(port) as wire:
        wire.send(b"GET /hello/ada HTTP/1.1\r\nHost: x\r\nX-Request-ID: one\r\nX-Request-ID: two\r\n\r\n")
        _, headers, _ = await wire.answer()
    assert headers["x-request-id"] not in {"one", "two"}


async def test_empty_lines_before_a_request_are_skipped(port: int) -> None:
    """RFC 9112 §2.2."""
    async with Wire(port) as wire:
        wire.send(b"\r\n\r\n" + HIDDEN + b"\r\n" + HIDDEN)
        assert [(await wire.answer())[0] for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("requests", [1, 3])
async def test_who_sends_no_more_gets_all_answers(port: int, requests: int) -> None:
    """A half-closed connection is answered to the end and closed then."""
    stream = await _all(port, HIDDEN * requests, shut=True)
    assert stream.count(b"HTTP/1.1 200 OK\r\n") == requests
    assert stream.endswith(b"}")


async def test_who_sends_no_more_gets_an_answer_that_takes_time(port: int, doors: Doors) -> None:
    """The end of what is sent is not the end of the wish."""
    async with Wire(port) as wire:
        wire.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        wire.shut()
        await doors.entered.wait()
        doors.open.set()
        assert (await wire.ended()).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "begun", [b"GET /hello/ada HT", b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"]
)
async def test_who_ends_in_the_middle_of_a_request_has_left(port: int, begun: bytes) -> None:
    """There is nothing to be answered; it is counted as that."""
    counted = Counted()
    assert await _all(port, begun, shut=True) == b""
    assert [status for _, _, status in await counted.reaches(1)] == ["499"]
    assert active() == 0


async def test_many_requests_at_once_let_others_have_their_turn(port: int) -> None:
    """Of those who ask at the same time nobody waits for all of one connection's requests."""
    async with Wire(port) as greedy, Wire(port) as other:
        other.send(HIDDEN)
        await other.answer()  # it is there
        greedy.send(HIDDEN * 1_000)
        await greedy.answer()
        other.send(HIDDEN)
        given = asyncio.ensure_future(other.answer())
        before = 0
        while not given.done():
            await greedy.answer()
            before += 1
        assert before < 100
        for _ in range(998 - before):
            await greedy.answer()


async def test_an_upgrade_switches_no_timeout_off(loop: object, sanic_client: Any, doors: Doors) -> None:
    """Who asks for a web socket gets a plain answer; half a request line after it is a 408."""
    app = small_app(doors)
    app.config.REQUEST_TIMEOUT = 0.2
    client = await sanic_client(app, verify=False)
    async with Wire(client.port) as wire:
        for protocol in (b"websocket", b"WebSocket", b"h2c", b"websocket, h2c"):
            fields = b"Connection: upgrade\r\nUpgrade: %b\r\nSec-WebSocket-Key: eA==" % protocol
            doors.open.clear()
            doors.entered.clear()
            wire.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % fields)
            await doors.entered.wait()
            looked = asyncio.Event()
            asyncio.get_running_loop().call_later(0.3, looked.set)  # Sanic looks meanwhile
            await looked.wait()
            doors.open.set()
            assert (await wire.answer())[0] == 200
        wire.send(b"GET /hello/a")
        assert (await wire.answer())[0] == 408


@pytest.mark.parametrize("path", [b"/nowhere", b"/hello/ada", b"/length"])
async def test_a_body_that_drips_in_ends_its_connection(
    loop: object, sanic_client: Any, doors: Doors, path: bytes
) -> None:
    """Whether anybody wants it or not: with an answer, and in the end without a connection."""
    app = small_app(doors)
    app.config.REQUEST_TIMEOUT = 0.2
    client = await sanic_client(app, verify=False)
    async with Wire(client.port) as wire:
        wire.send(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n" % path)
        ended = asyncio.ensure_future(wire.ended())
        async with asyncio.timeout(20):
            while not ended.done():
                wire.send(b"x")
                await asyncio.wait({ended}, timeout=0.05)  # the body does not come to its end by itself
        assert (await ended).startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 405 ", b"HTTP/1.1 408 "))
    assert active() == 0


async def test_more_connections_than_allowed_are_told_so(loop: object, sanic_client: Any, doors: Doors) -> None:
    """While all are busy: 503 with Retry-After, at once; idle ones make room instead."""
    client = await sanic_client(small_app(doors, MAX_CONNECTIONS="3"), verify=False)
    wires = [Wire(client.port) for _ in range(3)]
    for wire in wires:
        await wire.__aenter__()
        wire.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    while active() < 3:
        await asyncio.sleep(0)
    async with Wire(client.port) as refused:
        status, headers, body = await refused.answer()
        assert await refused.ended() == b""
    problem = orjson.loads(body)
    assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
    assert problem["type"] == "urn:problem:overloaded"
    assert problem["request_id"] == headers["x-request-id"]
    doors.open.set()
    for wire in wires:
        assert (await wire.answer())[0] == 200
        await wire.__aexit__()


async def test_a_client_that_is_refused_may_leave_first(loop: object, sanic_client: Any, doors: Doors) -> None:
    """Nobody waits for it any more, and nothing of that is an error."""
    client = await sanic_client(small_app(doors, MAX_CONNECTIONS="1"), verify=False)
    lines: list[bytes] = []
    with heard(lines.append):
        async with Wire(client.port) as held:
            held.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await doors.entered.wait()
            for _ in range(3):
                async with Wire(client.port) as refused:
                    assert (await refused.answer())[0] == 503
            doors.open.set()
            assert (await held.answer())[0] == 200
    assert [orjson.loads(line)["event"] for line in lines] == ["request"]


async def test_an_idle_connection_makes_room(loop: object, sanic_client: Any, doors: Doors) -> None:
    """Who holds connections open without asking keeps nobody out."""
    app = small_app(doors, MAX_CONNECTIONS="2")
    now = [1000.0]
    app.ctx.limit = Connections(2, lambda: time.monotonic() + now[0])
    client = await sanic_client(app, verify=False)
    async with Wire(client.port) as idle, Wire(client.port) as other:
        for wire in (idle, other):
            wire.send(HIDDEN)
            await wire.answer()
        for _ in range(3):
            async with Wire(client.port) as new:
                new.send(HIDDEN)
                assert (await new.answer())[0] == 200
        assert await idle.ended() + await other.ended() == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /hello/ada HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
        b"GET /hello/ada HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nhalf",
        b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        HIDDEN,
    ],
)
@pytest.mark.parametrize("ending", ["reset", "shut"])
async def test_nothing_stays_of_a_connection_that_has_ended(port: int, sent: bytes, ending: str) -> None:
    """Neither what it had sent nor the connection itself waits for the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        before = sum(type(one) is Protocol for one in gc.get_objects())
        for _ in range(5):
            async with Wire(port) as wire:
                wire.send(sent + b"z" * 100_000)
                await wire.answer()
                if ending == "shut":
                    wire.shut()
                    await wire.ended()
        while sum(type(one) is Protocol for one in gc.get_objects()) > before:
            await asyncio.sleep(0.01)
    finally:
        gc.enable()


async def test_a_pipeline_is_not_read_far_ahead(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is sent and however fast it is answered, little of it waits in memory."""
    most = 0
    add = ReceiveBuffer.add

    def adding(intake: ReceiveBuffer, data: bytes) -> None:
        nonlocal most
        add(intake, data)
        most = max(most, len(intake))

    monkeypatch.setattr(ReceiveBuffer, "add", adding)
    requests = 30_000
    async with Wire(port) as wire:
        wire.send(HIDDEN * requests)
        for _ in range(300):
            await wire.answer()
    assert most < 500_000


@pytest.mark.parametrize("pieces", [(b"\r\n" * 5,), (b"\r\n" * 50_000,), (b"\r", b"\n", b"\r\n" * 6)])
async def test_many_empty_lines_are_no_request(port: int, pieces: tuple[bytes, ...]) -> None:
    """A few may come before one; more are refused."""
    stream = await _all(port, *pieces, HIDDEN)
    assert stream.startswith(b"HTTP/1.1 400 ")
    assert stream.count(b"HTTP/1.1 ") == 1


async def test_an_empty_line_may_come_in_two_pieces(port: int) -> None:
    """Its first half is no request that has begun."""
    async with Wire(port) as wire:
        for _ in range(2):
            wire.send(b"\r")
            await asyncio.sleep(0)
            wire.send(b"\n" + HIDDEN)
            assert (await wire.answer())[0] == 200


@pytest.mark.parametrize("target", [b"http://a", b"http://a?b", b"tp://a", b"a", b"//", b"http://"])
@pytest.mark.parametrize("field", [b"A : b", b"A: b"])
async def test_a_refused_target_is_no_fault_of_ours(port: int, target: bytes, field: bytes) -> None:
    """Whatever is wrong with it, it is answered with a problem below 500."""
    stream = await _all(port, b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % (target, field), shut=True)
    assert stream.startswith(b"HTTP/1.1 4")
    assert b"content-type: application/problem+json" in stream


async def test_a_method_in_small_letters_is_another_one(port: int) -> None:
    """``head`` gets the body that its answer announces."""
    async with Wire(port) as wire:
        wire.send(b"head /hello/ada HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN)
        assert (await wire.answer())[0] == 405
        assert (await wire.answer())[0] == 200


async def test_a_body_that_is_too_long_is_not_asked_for(port: int) -> None:
    """413 and no 100 before it."""
    fields = b"Host: x\r\nExpect: 100-continue\r\nContent-Length: 5000"
    async with Wire(port) as wire:
        wire.send(b"POST /length HTTP/1.1\r\n" + fields + b"\r\n\r\n")
        assert (await wire.answer())[0] == 413


async def test_who_leaves_an_upload_leaves_no_task(port: int) -> None:
    """An upload to an endpoint that refuses it, broken off: the connection's task ends with it."""
    counted = Counted()
    for path in (b"/nowhere", b"/length", b"/hello/ada"):
        for ending in ("reset", "shut"):
            async with Wire(port) as wire:
                wire.send(b"GET %b HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n" % path + b"x" * 500)
                if ending == "shut":
                    wire.shut()
                    await wire.ended()
    await counted.reaches(6)
    while any("connection_task" in repr(task.get_coro()) for task in asyncio.all_tasks()):
        await asyncio.sleep(0)
    assert active() == 0


@pytest.mark.parametrize(
    "last", [b"", b"GET / HTTP/1.1\r\n", b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"]
)
@pytest.mark.parametrize("requests", [200, 2_000, 20_000])
async def test_who_does_not_read_is_let_go(
    port: int, monkeypatch: pytest.MonkeyPatch, requests: int, last: bytes
) -> None:
    """With little or much that waits for it, and whether it has asked for all that it wanted or left in the middle."""
    monkeypatch.setattr("shared.http.slow_readers.CHECK_SECONDS", 0.2)
    before = connections._value.get()
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        sent = HIDDEN * requests + last
        while sent:
            try:
                sent = sent[client.send(sent[:10_000]) :]
            except BlockingIOError:
                break  # the server reads no more
            except ConnectionError:
                break
            await asyncio.sleep(0)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(60):
            while connections._value.get() > before or active() > 0:
                await asyncio.sleep(0.01)


async def test_a_request_that_has_just_come_keeps_its_connection_open(
    loop: object, sanic_client: Any, doors: Doors
) -> None:
    """Though nobody has begun to answer it when the server looks for connections that are idle."""
    app = small_app(doors)
    client = await sanic_client(app, verify=False)
    async with Wire(client.port) as wire:
        wire.send(b"GET /hello/ada HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await wire.answer())[0] == 200
        (connection,) = app.ctx.connections
        connection.data_received(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
        assert not connection.close_if_idle()
        wire.send(b"{}")
        assert (await wire.answer())[0] == 200
        while connection.idle_since is None:
            await asyncio.sleep(0)
        assert connection.close_if_idle()
        assert await wire.ended() == b""
