"""When hits in memory are answered early, and when they are left to the endpoint."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
from sanic import HTTPResponse, Request, Sanic

from bff.aggregates import AGGREGATES
from bff.app import create_app, gateway_cache
from bff.settings import GatewaySettings
from shared.cache.cache import Cache
from shared.cache.near import Trust
from shared.http.early_answers import EarlyAnswers
from shared.http.early_routes import ReadyResponse
from shared.settings.loading import load
from tests.fixtures.conversations import ServerSide
from tests.fixtures.edge_on import SHOWN_LINE, edge_for, shown_to
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import Clock
from tests.fixtures.log_lines import heard
from tests.kit.wire import Counted

HIT = b"GET /api/profile/user1 HTTP/1.1\r\nHost: x\r\n%b\r\n" % SHOWN_LINE
LABEL = "/api/profile/<user_id>"


@dataclass
class Running:
    """A gateway that has one profile in memory."""

    app: Sanic[Any, Any]
    client: Any
    cache: Cache
    clock: Clock
    services: FakeServices
    server_side: ServerSide

    async def ask(self, *pieces: bytes) -> tuple[bytes, int]:
        """What comes back for ``pieces``, and how many answers of it were early ones."""
        before = self.server_side.early
        stream = await self.server_side.converse(self.client.port, pieces)
        return stream, self.server_side.early - before

    async def early(self, *pieces: bytes) -> int:
        """How many of the good answers to ``pieces`` were early ones."""
        stream, early = await self.ask(*pieces)
        assert stream.count(b"HTTP/1.1 200 OK\r\n") == len(pieces)
        return early


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
def start(loop: object, sanic_client: Any, monkeypatch: pytest.MonkeyPatch) -> Start:
    """A function that serves a gateway; ``change`` is done to its app before, keywords are environment variables."""

    async def start(change: Callable[[Sanic[Any, Any]], object] = lambda _: None, **environment: str) -> Running:
        settings = load(
            GatewaySettings, {**edge_for({}), "EARLY_ANSWERS": "true", "CACHE_TTL_SECONDS": "100", **environment}
        )
        clock, services = Clock(), FakeServices.with_profile()
        cache = gateway_cache(settings, AGGREGATES, clock=clock)
        app = create_app(settings, transports=services.transports(), cache=cache)
        change(app)
        client = await sanic_client(app, verify=False, headers=shown_to({}))
        assert (await client.get("/api/profile/user1")).status_code == 200
        return Running(app, client, cache, clock, services, ServerSide(monkeypatch))

    return start


async def test_hits_in_memory_are_answered_early(start: Start) -> None:
    """One after the other on a connection; not what came in one piece, nor what came in two."""
    running = await start()
    assert await running.early(HIT, HIT, HIT) == 3
    assert (await running.ask(HIT + HIT))[1] == 0
    assert (await running.ask(HIT[:9], HIT[9:], HIT))[1] == 1


async def test_a_client_that_sends_no_more_gets_its_answer(start: Start) -> None:
    """The end of what it sends may come along with the request."""
    running = await start()
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", running.client.port))
        await loop.sock_sendall(client, HIT)
        client.shutdown(socket.SHUT_WR)
        stream = b""
        while data := await loop.sock_recv(client, 65_536):
            stream += data
    assert stream.startswith(b"HTTP/1.1 200 OK\r\n")
    assert stream.endswith(b"}")


async def test_the_end_of_a_body_that_is_owed_is_not_skipped(start: Start) -> None:
    """A refused body lacks its last two bytes still when another request comes: Sanic takes it for them, and closes."""
    running = await start()
    refused = b"POST /api/profile/user1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    stream, early = await running.ask(refused, HIT)
    assert stream.startswith(b"HTTP/1.1 405 ")
    assert (stream.count(b"HTTP/1.1"), early) == (1, 0)
    assert await running.early(HIT) == 1


async def test_nothing_is_answered_early_when_it_is_turned_off(start: Start) -> None:
    """``EARLY_ANSWERS=false`` leaves everything to the endpoint."""
    assert await (await start(EARLY_ANSWERS="false")).early(HIT, HIT) == 0


async def _pass(*_: object) -> None:
    pass


def _on_request(app: Sanic[Any, Any]) -> None:
    app.on_request(_pass)


def _on_response(app: Sanic[Any, Any]) -> None:
    app.on_response(_pass)


def _named(app: Sanic[Any, Any]) -> None:
    app.register_named_middleware(_pass, [route.name for route in app.router.routes], "request")


def _named_response(app: Sanic[Any, Any]) -> None:
    app.register_named_middleware(_pass, [route.name for route in app.router.routes], "response")


def _signal(app: Sanic[Any, Any]) -> None:
    async def hear(**_: object) -> None:
        pass

    app.signal("http.lifecycle.request")(hear)


@pytest.mark.parametrize("change", [_on_request, _on_response, _named, _named_response, _signal])
async def test_an_app_that_looks_at_requests_itself_sees_them_all(
    start: Start, change: Callable[[Sanic[Any, Any]], object]
) -> None:
    """Middleware of any kind and signals may refuse a request or count it, so nothing passes them by."""
    assert await (await start(change)).early(HIT, HIT) == 0


async def test_middleware_that_refuses_is_asked(start: Start) -> None:
    """Who may not see it does not, however ready it is."""
    allowed = True

    async def refuse(_request: Request) -> HTTPResponse | None:
        return None if allowed else HTTPResponse("no", status=401)

    running = await start(lambda app: app.on_request(refuse))
    allowed = False
    assert (await running.ask(HIT))[0].startswith(b"HTTP/1.1 401 ")


async def test_a_gateway_that_stops_ends_its_connections(start: Start) -> None:
    """From then on answers come from Sanic, which says so and closes."""
    running = await start()
    assert await running.early(HIT) == 1
    await running.client._server.server.before_stop()
    stream, early = await running.ask(HIT, HIT)
    assert b"\r\nconnection: close\r\n" in stream
    assert (stream.count(b"HTTP/1.1 200 OK\r\n"), early) == (1, 0)


@pytest.mark.parametrize("early", ["true", "false"])
async def test_an_answer_that_is_being_made_when_it_stops_is_the_last_one(start: Start, early: str) -> None:
    """It says so, whichever way it comes."""
    running = await start(EARLY_ANSWERS=early)
    running.cache.near.flush()
    gate = running.services.gates["users"] = asyncio.Event()
    before = len(running.services.calls)
    asking = asyncio.create_task(running.ask(HIT))
    while ("users", "/users/user1") not in running.services.calls[before:]:
        await asyncio.sleep(0)
    await running.client._server.server.before_stop()
    gate.set()
    stream, _ = await asking
    assert stream.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close\r\n" in stream


async def test_memory_that_is_not_believed_gives_no_early_answers(start: Start) -> None:
    """While Redis is uncertain or does not tell of changes; again when memory is all there is."""
    running = await start()
    running.cache.near.set_trust(Trust.UNCERTAIN)
    assert await running.early(HIT, HIT) == 0
    running.cache.near.set_trust(Trust.BLIND)
    assert await running.early(HIT, HIT) == 0
    running.cache.near.set_trust(Trust.ALONE)
    assert await running.early(HIT, HIT) == 1, "what may have been purged unheard is asked for again"


async def test_a_purged_profile_is_not_in_memory(start: Start) -> None:
    """What was made for the entry goes with it."""
    running = await start(ADMIN_TOKEN="a-token-of-some-length-for-tests")
    assert await running.early(HIT) == 1
    token = b"Authorization: Bearer a-token-of-some-length-for-tests"
    purge = b"DELETE /api/cache/profile/user1 HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % token
    stream, early = await running.ask(purge, HIT, HIT)
    assert early == 1
    assert stream.startswith(b"HTTP/1.1 204 ")
    assert b"Cache-Status: memory; fwd=uri-miss" in stream


async def test_a_profile_late_in_its_life_is_reloaded_once(start: Start) -> None:
    """The first hit goes to the endpoint, which begins to reload it; meanwhile and afterwards answers are early."""
    running = await start()
    running.clock.now += 90
    before = len(running.services.calls)
    gate = running.services.gates["users"] = asyncio.Event()
    assert await running.early(HIT, HIT, HIT) == 2
    assert running.services.calls[before:].count(("users", "/users/user1")) == 1
    gate.set()
    while b"\r\nAge: 0\r\n" not in (await running.ask(HIT))[0]:
        await asyncio.sleep(0)
    assert await running.early(HIT, HIT) == 2
    assert running.services.calls[before:].count(("users", "/users/user1")) == 1


async def test_age_goes_on_and_the_life_stays(start: Start) -> None:
    """What is left is the life less the age (RFC 9111 §4.2); the head made for one second does not serve the next."""
    running = await start()
    told = []
    for _ in range(3):
        stream, early = await running.ask(HIT)
        assert early == 1
        head = dict(line.split(b": ", 1) for line in stream.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:])
        told.append((int(head[b"Age"]), int(head[b"Cache-Control"].rpartition(b"=")[2])))
        running.clock.now += 1
    assert [age for age, _ in told] == [0, 1, 2]
    assert {life for _, life in told} == {told[0][1]}
    assert 95 <= told[0][1] <= 100


async def test_an_error_leaves_the_request_to_the_endpoint(start: Start) -> None:
    """It is logged, and the client gets its answer, which is counted once."""
    running = await start()
    declared = running.app.ctx.early._routes[b"/api/profile/"].declared

    def broken(_: str) -> ReadyResponse | None:
        raise KeyError

    running.app.ctx.early.declare(replace(declared, ready=broken))
    lines: list[bytes] = []
    counted = Counted()
    with heard(lines.append):
        assert await running.early(HIT) == 0
    error, access = (orjson.loads(line) for line in lines)
    assert (error["event"], error["level"], error["error"]) == ("unexpected error", "error", "KeyError")
    assert (access["event"], access["cache"]) == ("request", "memory hit")
    assert await counted.reaches(1) == {("GET", LABEL, "200"): 1}


async def test_counts_that_fail_keep_no_answer_back(start: Start) -> None:
    """Neither this one nor those after it."""
    running = await start()
    early: EarlyAnswers = running.app.ctx.early

    def broken(_: int) -> None:
        raise KeyError

    early.declare(replace(early._routes[b"/api/profile/"].declared, count_hits=broken))
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    assert await running.early(HIT, HIT) == 2


@pytest.mark.parametrize(("percent", "least", "most"), [("0", 0, 0), ("50", 20, 180), ("100", 200, 200)])
async def test_a_share_of_the_hits_leaves_a_line(start: Start, percent: str, least: int, most: int) -> None:
    """All are counted, whatever is written down."""
    running = await start(LOG_HITS_PERCENT=percent)
    lines: list[bytes] = []
    counted = Counted()
    with heard(lines.append):
        assert await running.early(*[HIT] * 200) == 200
    assert least <= len(lines) <= most
    assert await counted.reaches(200) == {("GET", LABEL, "200"): 200}
