"""What HTTP says of requests for a profile, in early answers and by way of Sanic, for hits and misses."""

import asyncio

import orjson
import pytest

from tests.fixtures.edge_on import SHOWN_TEXT
from tests.fixtures.gateway import StartGateway
from tests.kit.wire import Wire

BOTH_WAYS = pytest.mark.parametrize("early", ["true", "false"])


@BOTH_WAYS
async def test_a_tag_in_any_line_of_a_list_is_found(start_gateway: StartGateway, early: str) -> None:
    """If-None-Match on several lines is one list (RFC 9110 §5.3)."""
    gateway = await start_gateway(EARLY_ANSWERS=early)
    tag = (await gateway.get("/api/profile/user1")).headers["etag"]
    lines = (('"a"', tag), (tag, '"a"'), ('"a"', f'"b", {tag}'), ('"a"', "*"))
    async with Wire(gateway.client.port) as wire:
        for first, second in lines[:3]:
            fields = f"If-None-Match: {first}\r\nIf-None-Match: {second}\r\n"
            wire.send(f"GET /api/profile/user1 HTTP/1.1\r\nHost: x\r\n{SHOWN_TEXT}{fields}\r\n".encode())
            assert (await wire.answer())[0] == 304


async def test_formats_on_several_lines_are_one_list(start_gateway: StartGateway) -> None:
    """Accept decides between Prometheus' text and OpenMetrics, wherever it stands."""
    gateway = await start_gateway()
    async with Wire(gateway.client.port) as wire:
        wire.send(
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: image/png\r\n"
            b"Accept: application/openmetrics-text; version=1.0.0\r\n\r\n"
        )
        _, headers, _ = await wire.answer()
    assert headers["content-type"].startswith("application/openmetrics-text")


@BOTH_WAYS
@pytest.mark.parametrize("user", ["user1", "user2", "nobody"])
async def test_who_sends_no_more_gets_the_answer(start_gateway: StartGateway, early: str, user: str) -> None:
    """A hit, a miss that takes its time, an unknown user: a half-closed connection is answered, and closed then."""
    gateway = await start_gateway(EARLY_ANSWERS=early)
    gateway.services.users["user2"] = gateway.services.users["user1"] | {"id": "user2"}
    await gateway.get("/api/profile/user1")
    gate = gateway.services.gates["users"] = asyncio.Event()
    calls = len(gateway.services.calls)
    async with Wire(gateway.client.port) as wire:
        wire.send(f"GET /api/profile/{user} HTTP/1.1\r\nHost: x\r\n{SHOWN_TEXT}\r\n".encode())
        wire.shut()
        if user != "user1":
            while len(gateway.services.calls) == calls:
                await asyncio.sleep(0)
        gate.set()
        head, _, body = (await wire.ended()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 " if user == "nobody" else b"HTTP/1.1 200 ")
    assert orjson.loads(body)


@BOTH_WAYS
async def test_requests_that_come_together_are_answered_in_their_order(start_gateway: StartGateway, early: str) -> None:
    """Hits, misses, unknown routes, whole and in pieces."""
    gateway = await start_gateway(EARLY_ANSWERS=early)
    await gateway.get("/api/profile/user1")
    paths = ["/api/profile/user1", "/api/profile/nobody", "/nowhere", "/api/profile/user1", "/", "/api/profile/a.b"]
    sent = b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n{SHOWN_TEXT}\r\n".encode() for path in paths)
    async with Wire(gateway.client.port) as wire:
        for step in (len(sent), 7, 50):
            for place in range(0, len(sent), step):
                wire.send(sent[place : place + step])
                await asyncio.sleep(0)
            assert [(await wire.answer())[0] for _ in paths] == [200, 404, 404, 200, 200, 400]
