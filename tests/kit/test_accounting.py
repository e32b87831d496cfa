"""Every request is counted exactly once, with the status that was sent, whatever the client does."""

import asyncio
import random
from typing import Any

import orjson
import pytest

from tests.kit.wire import Counted, Doors, Wire, active, small_app

HELLO = "/hello/<name>"


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request in bytes."""
    return "\r\n".join([line, "Host: test", *headers, "", ""]).encode("latin-1") + body


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


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (request("GET /hello/ada HTTP/1.1"), ("GET", HELLO, "200")),
        (request("HEAD /hello/ada HTTP/1.1"), ("HEAD", HELLO, "200")),
        (request("OPTIONS /hello/ada HTTP/1.1"), ("OPTIONS", HELLO, "204")),
        (request("GET /hello/bad HTTP/1.1"), ("GET", HELLO, "400")),
        (request("GET /hello/nobody HTTP/1.1"), ("GET", HELLO, "404")),
        (request("GET /nope HTTP/1.1"), ("GET", "unmatched", "404")),
        (request("DELETE /hello/ada HTTP/1.1"), ("DELETE", "unmatched", "405")),
        (request("BREW /hello/ada HTTP/1.1"), ("OTHER", "unmatched", "405")),
        (request("GET /broken HTTP/1.1"), ("GET", "/broken", "500")),
        (b"GARBAGE\r\n\r\n", ("OTHER", "unmatched", "400")),
        (b"GET /hello/ada HTTP/3.7\r\n\r\n", ("OTHER", "unmatched", "400")),
        (request("GET http:///hello/ada HTTP/1.1"), ("OTHER", "unmatched", "400")),
        (request("GET http://caf\xe9/hello/ada HTTP/1.1"), ("OTHER", "unmatched", "400")),
        (request("GET hello HTTP/1.1"), ("OTHER", "unmatched", "400")),
        (request("POST /length HTTP/1.1", "Content-Length: many"), ("OTHER", "unmatched", "400")),
        (request("POST /length HTTP/1.1", "Content-Length: 5000"), ("POST", "/length", "413")),
        (request("POST /length HTTP/1.1", "Transfer-Encoding: chunked", body=b"zz\r\n"), ("POST", "/length", "400")),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", ("OTHER", "unmatched", "413")),
    ],
)
async def test_each_kind_of_request_is_counted_once(port: int, sent: bytes, expected: tuple[str, str, str]) -> None:
    """Status, endpoint and method are those of the answer; errors are problem documents with the request's id."""
    counted = Counted()
    async with Wire(port) as wire:
        wire.send(sent)
        status, headers, body = await wire.answer(body=not sent.startswith(b"HEAD"))
    assert await counted.reaches(1) == {expected: 1}
    assert str(status) == expected[2]
    assert active() == 0
    assert "server" not in headers
    if status >= 400:
        problem = orjson.loads(body)
        assert headers["content-type"] == "application/problem+json"
        assert set(problem) == {"type", "title", "status", "detail", "instance", "request_id"}
        assert problem["status"] == status
        assert problem["request_id"] == headers["x-request-id"]
        assert b"secret" not in body
        assert b"Traceback" not in body


@pytest.mark.parametrize(
    ("sent", "endpoint"),
    [
        (request("POST /length HTTP/1.1", "Content-Length: 500", body=b"half"), "/length"),
        (request("POST /length HTTP/1.1", "Transfer-Encoding: chunked", body=b"4\r\nhalf\r\n"), "/length"),
        (request("GET /hello/ada HTTP/1.1", "Content-Length: 500"), HELLO),
    ],
)
async def test_a_body_that_does_not_arrive_is_a_408(
    loop: object, sanic_client: Any, doors: Doors, sent: bytes, endpoint: str
) -> None:
    """The client's fault and no 503 of ours; the connection ends, since where a next request begins is unknown."""
    app = small_app(doors)
    app.config.REQUEST_TIMEOUT = 0.2
    client = await sanic_client(app, verify=False)
    counted = Counted()
    async with Wire(client.port) as wire:
        wire.send(sent)
        status, headers, body = await wire.answer()
        assert await wire.ended() == b""
    assert (status, headers["connection"]) == (408, "close")
    assert orjson.loads(body)["type"] == "urn:problem:request-timeout"
    assert await counted.reaches(1) == {(sent.split(b" ")[0].decode(), endpoint, "408"): 1}
    assert active() == 0


async def test_a_header_that_dribbles_in_is_a_408(loop: object, sanic_client: Any, doors: Doors) -> None:
    """However often another byte comes, the header has the time of one header (slowloris)."""
    app = small_app(doors)
    app.config.REQUEST_TIMEOUT = 0.2
    client = await sanic_client(app, verify=False)
    async with Wire(client.port) as wire:
        wire.send(b"GET /hello/ada HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        answer = asyncio.ensure_future(wire.answer())
        async with asyncio.timeout(10):
            while not answer.done():
                wire.send(b"a")
                await asyncio.wait({answer}, timeout=0.02)
        status, _, _ = await answer
    assert status == 408


async def test_405_names_what_works(port: int) -> None:
    """The Allow header lists the methods of that path."""
    async with Wire(port) as wire:
        wire.send(request("PUT /length HTTP/1.1"))
        status, headers, _ = await wire.answer()
    assert (status, headers["allow"]) == (405, "OPTIONS, POST")


async def test_pipelined_requests_are_counted_one_by_one(port: int) -> None:
    """Three requests in one packet are three answers and three counts."""
    counted = Counted()
    async with Wire(port) as wire:
        wire.send(request("GET /hello/ada HTTP/1.1") * 2 + request("GET /nope HTTP/1.1"))
        statuses = [(await wire.answer())[0] for _ in range(3)]
    assert statuses == [200, 200, 404]
    assert await counted.reaches(3) == {("GET", HELLO, "200"): 2, ("GET", "unmatched", "404"): 1}


async def test_a_client_that_leaves_is_counted_as_499(port: int, doors: Doors) -> None:
    """Leaving while the answer is being made is no error of ours, and the gauge goes back."""
    counted = Counted()
    async with Wire(port) as wire:
        wire.send(request("GET /slow HTTP/1.1"))
        await doors.entered.wait()
        assert active() == 1
    assert await counted.reaches(1) == {("GET", "/slow", "499"): 1}
    assert active() == 0


async def test_a_client_that_leaves_between_two_pieces_is_counted_once(port: int, doors: Doors) -> None:
    """As 499, though its leaving is noticed by a piece that cannot be sent."""
    counted = Counted()
    async with Wire(port) as wire:
        wire.send(request("GET /pieces HTTP/1.1"))
        await doors.entered.wait()
    doors.open.set()
    assert await counted.reaches(1) == {("GET", "/pieces", "499"): 1}
    assert active() == 0


async def test_an_answer_that_is_not_finished_in_time_is_counted_once(
    loop: object, sanic_client: Any, doors: Doors
) -> None:
    """With the status that its client has read."""
    app = small_app(doors)
    app.config.RESPONSE_TIMEOUT = 0.2
    client = await sanic_client(app, verify=False)
    counted = Counted()
    async with Wire(client.port) as wire:
        wire.send(request("GET /pieces HTTP/1.1"))
        assert (await wire.answer())[0] == 200
        assert not (await wire.ended()).endswith(b"0\r\n\r\n")
    assert await counted.reaches(1) == {("GET", "/pieces", "200"): 1}
    assert active() == 0


@pytest.mark.parametrize(
    "sent",
    [
        request("POST /length HTTP/1.1", "Content-Length: 500", body=b"half"),
        b"GET /hello/ada HTTP/1.1\r\nHost:",
    ],
)
async def test_a_client_that_leaves_while_sending_is_counted_once(port: int, sent: bytes) -> None:
    """An upload or a header that breaks off counts as 499."""
    counted = Counted()
    async with Wire(port) as wire, Wire(port) as other:
        wire.send(sent)
        other.send(request("GET /hello/ada HTTP/1.1"))
        await other.answer()  # by now the server has seen the first bytes
    outcome = await counted.reaches(2)
    assert sorted(status for _, _, status in outcome) == ["200", "499"]
    assert active() == 0


async def test_many_clients_that_leave_leave_nothing_behind(port: int, doors: Doors) -> None:
    """A hundred clients leave mid-request: all are counted, none stays active."""
    counted = Counted()
    wires = [Wire(port) for _ in range(100)]
    for wire in wires:
        await wire.__aenter__()
        wire.send(request("GET /slow HTTP/1.1"))
    while active() < 100:
        await asyncio.sleep(0)
    for wire in wires:
        await wire.__aexit__()
    assert await counted.reaches(100) == {("GET", "/slow", "499"): 100}
    assert active() == 0


async def test_hostile_paths_and_methods_add_no_label_values(port: int) -> None:
    """Hundreds of random paths and methods fall into one endpoint and a handful of methods."""
    dice = random.Random(7)
    counted = Counted()
    letters = "abcdefghijklmnopqrstuvwxyz0123456789%/_-.~"
    for _ in range(300):
        method = "".join(dice.choices("ABCDEFG", k=5))
        path = "".join(dice.choices(letters, k=12))
        async with Wire(port) as wire:
            wire.send(request(f"{method} /x{path} HTTP/1.1"))
            await wire.answer()
    assert {(method, endpoint) for method, endpoint, _ in await counted.reaches(300)} == {("OTHER", "unmatched")}


async def test_a_request_id_is_kept_or_replaced(port: int) -> None:
    """1 to 128 visible ASCII characters are kept; anything else gets a new id."""
    for given, kept in [("order-4711", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ("é", False)]:
        async with Wire(port) as wire:
            wire.send(request("GET /hello/ada HTTP/1.1", f"X-Request-ID: {given}"))
            _, headers, _ = await wire.answer()
        assert (headers["x-request-id"] == given) is kept, given
