"""Streams that stay: told of what changes, of nothing else, and of why they end."""

import asyncio
import gc
import socket
import struct
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import orjson
import pytest

from shared.errors import Unreachable
from shared.observing import metrics
from tests.fixtures.closing import closed
from tests.fixtures.edge_on import SHOWN_TEXT
from tests.fixtures.fake_services import FakeServices, user
from tests.fixtures.gateway import Clock, Gateway, StartGateway
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer
from tests.fixtures.log_lines import heard
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.streaming import FORMS, SSE, Ask, Streaming, Told, ask_on

PROFILE = "/api/profile/user1"
LIVE = f"{PROFILE}?live=true"
TOKEN = "a-secret-token"
ADMIN = {"ADMIN_TOKEN": TOKEN}
WAYS = pytest.mark.parametrize("early", ["true", "false"])
FIRST = ["begin", "part", "part", "part", "complete"]


async def _told(stream: Streaming, number: int) -> list[Told]:
    told = [await stream.next() for _ in range(number)]
    return [one for one in told if one is not None]


def _names(told: list[Told]) -> list[str]:
    return [one.name if one.name != "part" else one.data["name"] for one in told]


async def _purge(gateway: Gateway, path: str = "/api/cache/profile/user1") -> None:
    answer = await gateway.client.delete(path, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 204


async def _until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def _has_come_to(calls: Sequence[object], number: int) -> bool:
    return len(calls) >= number


def _open() -> float:
    return float(metrics.streams_open._value.get())


@WAYS
@pytest.mark.parametrize("form", FORMS)
async def test_whoever_stays_is_told_what_has_changed(
    start_gateway: StartGateway, ask: Ask, early: str, form: str
) -> None:
    """The parts that have become others and a new state, without asking; whoever comes later gets that state."""
    gateway = await start_gateway(EARLY_ANSWERS=early, **ADMIN)
    stream = await ask(gateway.client.port, LIVE, accept=form)
    assert (stream.status, stream.fields["connection"]) == (200, "close")
    first = await _told(stream, 5)
    assert [one.name for one in first] == FIRST
    assert first[0].data["live"] is True
    gateway.services.users["user1"]["full_name"] = "Ada Lovelace"
    await _purge(gateway)
    changed = await _told(stream, 2)
    assert _names(changed) == ["user", "complete"]
    assert changed[0].data["value"]["full_name"] == "Ada Lovelace"
    assert changed[1].id != first[-1].id
    plain = await gateway.get(PROFILE)
    assert plain.headers["etag"] == changed[1].data["etag"]
    later = await ask(gateway.client.port, LIVE, accept=form)
    assert (await _told(later, 5))[-1].id == changed[1].id


async def test_what_has_not_changed_is_told_to_be_so(start_gateway: StartGateway, ask: Ask) -> None:
    """A purge after which all is as before; what comes next is told as ever, to both, asked for once."""
    gateway = await start_gateway(**ADMIN)
    streams = [await ask(gateway.client.port, LIVE, accept=SSE) for _ in range(2)]
    for stream in streams:
        await _told(stream, 5)
    calls = gateway.services.calls
    calls.clear()
    await _purge(gateway)
    for stream in streams:
        (complete,) = await _told(stream, 1)
        assert complete.data["unchanged"]
    gateway.services.orders["user1"] = []
    await _purge(gateway)
    for stream in streams:
        assert _names(await _told(stream, 3)) == ["orders", "products", "complete"]
    assert [path for _, path in calls].count("/users/user1") == 2


async def test_whoever_has_the_state_stays_for_the_next(start_gateway: StartGateway, ask: Ask) -> None:
    """Begin, and complete with word that it is unchanged; what changes then is told."""
    gateway = await start_gateway(**ADMIN)
    tag = (await gateway.get(PROFILE)).headers["etag"][3:-1]
    stream = await ask(gateway.client.port, LIVE, accept=SSE, last_event_id=tag)
    begin, complete = await _told(stream, 2)
    assert (begin.name, complete.data["unchanged"], complete.id) == ("begin", True, tag)
    gateway.services.orders["user1"] = []
    await _purge(gateway)
    assert _names(await _told(stream, 3)) == ["orders", "products", "complete"]


@pytest.mark.parametrize("age", [0, 60])
async def test_a_change_of_a_product_reaches_whoever_looks_at_it(
    start_gateway: StartGateway, ask: Ask, age: int
) -> None:
    """Of those in the profile; also when nothing is kept of that any more. Of others nobody is told."""
    clock = Clock()
    gateway = await start_gateway(clock=clock, **ADMIN)
    stream = await ask(gateway.client.port, LIVE, accept=SSE)
    await _told(stream, 5)
    clock.now += age
    gateway.services.products["p1"]["price"] = 12.5
    gateway.services.calls.clear()
    await _purge(gateway, "/api/cache/tags/product:p9")
    await _purge(gateway, "/api/cache/tags/product:p1")
    changed = await _told(stream, 2)
    assert _names(changed) == ["products", "complete"]
    assert changed[0].data["value"]["p1"]["price"] == 12.5
    assert len(gateway.services.batches) == 2


async def test_what_was_loaded_for_somebody_else_is_told(start_gateway: StartGateway, ask: Ask) -> None:
    """Nothing is asked for by itself when a life is over, but whoever has asked has done so for all."""
    clock_moved = await start_gateway(**ADMIN, CACHE_TTL_SECONDS="1")
    stream = await ask(clock_moved.client.port, LIVE, accept=SSE)
    await _told(stream, 5)
    clock_moved.services.users["user1"]["full_name"] = "Ada Lovelace"
    while (await clock_moved.get(PROFILE)).json()["user"]["full_name"] != "Ada Lovelace":
        await asyncio.sleep(0.05)
    assert _names(await _told(stream, 2)) == ["user", "complete"]


async def test_a_part_that_is_lost_is_told_and_comes_back(start_gateway: StartGateway, ask: Ask) -> None:
    """What cannot be had is stale in a state without a tag, and fresh again by itself when it can."""
    gateway = await start_gateway(**ADMIN, CACHE_THROTTLE_SECONDS="0")
    stream = await ask(gateway.client.port, LIVE, accept=SSE)
    first = await _told(stream, 5)
    gateway.services.failures["users"] = Unreachable("gone")
    await _purge(gateway, "/api/cache/tags/user:user1")
    lost, partial = await _told(stream, 2)
    assert (lost.data["name"], lost.data["provenance"]["status"]) == ("user", "stale")
    assert (partial.data["etag"], partial.id) == (None, None)
    gateway.services.failures.clear()
    back, whole = await _told(stream, 2)
    assert (back.data["name"], back.data["provenance"]) == ("user", {"status": "fresh"})
    assert whole.id == first[-1].id


async def test_who_is_gone_ends_the_stream(start_gateway: StartGateway, ask: Ask) -> None:
    """With the problem that a request would be answered with."""
    gateway = await start_gateway(**ADMIN)
    stream = await ask(gateway.client.port, LIVE, accept=SSE, x_request_id="mine")
    await _told(stream, 5)
    del gateway.services.users["user1"]
    await _purge(gateway)
    (end,) = await stream.all()
    assert (end.data["reason"], end.data["problem"]["status"]) == ("problem", 404)
    assert (end.data["problem"]["request_id"], end.data["problem"]["instance"]) == ("mine", PROFILE)


@WAYS
async def test_there_are_as_many_as_there_may_be(start_gateway: StartGateway, ask: Ask, early: str) -> None:
    """One too many of a client is 429, of all is 503; who leaves makes room at once, and documents are answered on."""
    gateway = await start_gateway(EARLY_ANSWERS=early, STREAMS_MAX="3", STREAMS_PER_SUBJECT="2", AUTH="off")
    port = gateway.client.port
    first, _second = [await ask(port, LIVE, accept=SSE) for _ in range(2)]
    refused = await ask(port, LIVE, accept=SSE)
    assert (refused.status, refused.fields["retry-after"]) == (429, "5")
    assert (await refused.document())["type"] == "urn:problem:too-many-requests"
    assert (await ask(port, PROFILE, accept=SSE)).status == 200
    before = _open()
    first.close()
    await _until(lambda: _open() < before)
    assert (await ask(port, LIVE, accept=SSE)).status == 200
    full = await start_gateway(EARLY_ANSWERS=early, STREAMS_MAX="0", AUTH="off")
    refused = await ask(full.client.port, LIVE, accept=SSE)
    assert (refused.status, refused.fields["retry-after"]) == (503, "5")


@WAYS
async def test_a_place_is_given_back_by_what_gives_nothing(start_gateway: StartGateway, ask: Ask, early: str) -> None:
    """Problems, states that are known, and heads take none."""
    gateway = await start_gateway(EARLY_ANSWERS=early, STREAMS_PER_SUBJECT="1")
    port = gateway.client.port
    for _ in range(3):
        assert (await ask(port, "/api/profile/nobody?live=true", accept=SSE)).status == 404
        assert (await ask(port, LIVE, accept=SSE, method="HEAD")).status == 200
    assert (await ask(port, LIVE, accept=SSE)).status == 200


@WAYS
@pytest.mark.parametrize("live", ["true", "false"])
@pytest.mark.parametrize("is_known", [True, False])
async def test_nothing_stays_of_who_leaves_at_whatever_moment(
    start_gateway: StartGateway, early: str, live: str, is_known: bool
) -> None:
    """Not even where the first part becomes known in the very turn of the loop in which its client is gone."""
    services = FakeServices.with_profile()
    gateway = await start_gateway(services, EARLY_ANSWERS=early, STREAMS_PER_SUBJECT="1")
    assert (await gateway.get(PROFILE)).status_code == 200
    before = _open()
    lines: list[bytes] = []
    with heard(lines.append):
        for turns in range(16):
            name = f"left{turns}"
            first, last = asyncio.Event(), asyncio.Event()
            services.gates = {"users": first, "orders": last} if is_known else {"users": last, "orders": first}
            if is_known:
                services.users[name] = user(name)
            asked = len(services.calls) + 2
            _, writer = await asyncio.open_connection("127.0.0.1", gateway.client.port)
            head = f"GET /api/profile/{name}?live={live} HTTP/1.1\r\nHost: gateway\r\nAccept: {SSE}\r\n{SHOWN_TEXT}\r\n"
            writer.write(head.encode())
            await _until(partial(_has_come_to, services.calls, asked))
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            for _ in range(turns):
                await asyncio.sleep(0)
            first.set()
            for _ in range(3):
                assert (await gateway.get(PROFILE)).status_code == 200
            last.set()
            assert (turns, _open()) == (turns, before)
        assert (await gateway.get(PROFILE)).status_code == 200
        gc.collect()
    assert [line for line in map(orjson.loads, lines) if line["level"] == "error"] == []


@pytest.mark.parametrize(
    ("query", "status"), [("live=1", 400), ("live=", 400), ("live=true&live=true", 400), ("live=false", 200)]
)
async def test_live_is_true_or_false(start_gateway: StartGateway, ask: Ask, query: str, status: int) -> None:
    """And nothing else; a document cannot be live."""
    gateway = await start_gateway()
    assert (await ask(gateway.client.port, f"{PROFILE}?{query}", accept=SSE)).status == status
    assert (await gateway.get(f"{PROFILE}?{query}")).status_code == status
    assert (await gateway.get(LIVE)).status_code == 406


async def test_a_process_that_stops_says_so(start_gateway: StartGateway, ask: Ask) -> None:
    """With a while to stay away for, which is not the same for all; the line in the log tells how it went."""
    gateway = await start_gateway()
    streams = [await ask(gateway.client.port, LIVE, accept=SSE) for _ in range(3)]
    for stream in streams:
        await _told(stream, 5)
    lines: list[bytes] = []
    with heard(lines.append):
        await gateway.client.close()
        ends = [await stream.all() for stream in streams]
    retries = [one.retry for (one,) in ends if one.retry is not None]
    assert [one.data for (one,) in ends] == [{"reason": "drain", "retry": retry} for retry in retries]
    assert len(set(retries)) > 1
    assert all(1_000 <= retry <= 5_000 for retry in retries)
    logged = [line for line in map(orjson.loads, lines) if line["event"] == "request"]
    assert [(line["ended"], line["events"], line["status"]) for line in logged] == [("drain", 6, 200)] * 3
    assert _open() == 0


def _asking(tmp_path: Path, issuer: Issuer) -> dict[str, str]:
    keys = tmp_path / "keys.json"
    keys.write_bytes(issuer.key_set())
    return {"AUTH": "jwt", "AUTH_JWKS_FILE": str(keys), "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE, **ADMIN}


@WAYS
async def test_who_may_not_read_it_gets_no_stream(
    start_gateway: StartGateway, ask: Ask, tmp_path: Path, early: str
) -> None:
    """401 without a token, 403 with another's: decided before anything is looked up, as for a document."""
    issuer = Issuer()
    gateway = await start_gateway(EARLY_ANSWERS=early, **_asking(tmp_path, issuer))
    port, others = gateway.client.port, issuer.token("user2", scope="profile:read")
    for path in (LIVE, PROFILE):
        assert (await ask(port, path, accept=SSE, shown="")).status == 401
        assert (await ask(port, path, accept=SSE, authorization=f"Bearer {others}")).status == 403
    assert not gateway.services.calls


@WAYS
async def test_a_token_that_is_revoked_ends_its_streams(
    start_gateway: StartGateway, ask: Ask, tmp_path: Path, early: str
) -> None:
    """And no others; whoever comes back with it is refused."""
    issuer = Issuer()
    gateway = await start_gateway(EARLY_ANSWERS=early, **_asking(tmp_path, issuer))
    tokens = [issuer.token("user1", scope="profile:read", jti=name) for name in ("a", "b")]
    streams = [await ask(gateway.client.port, LIVE, accept=SSE, authorization=f"Bearer {token}") for token in tokens]
    for stream in streams:
        await _told(stream, 5)
    answer = await gateway.client.post(
        "/api/revocations", content=b'{"jti":"a"}', headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert answer.status_code == 204
    assert [one.data for one in await streams[0].all()] == [{"reason": "revoked"}]
    again = await ask(gateway.client.port, LIVE, accept=SSE, authorization=f"Bearer {tokens[0]}")
    assert again.status == 401
    gateway.services.orders["user1"] = []
    await _purge(gateway)
    assert _names(await _told(streams[1], 1)) == ["orders"]


@WAYS
async def test_a_token_that_ends_ends_its_streams(
    start_gateway: StartGateway, ask: Ask, tmp_path: Path, early: str
) -> None:
    """When it would not be accepted any more."""
    issuer = Issuer()
    gateway = await start_gateway(EARLY_ANSWERS=early, AUTH_LEEWAY_SECONDS="0", **_asking(tmp_path, issuer))
    token = issuer.token("user1", scope="profile:read", exp=int(issuer.now()) + 3)
    stream = await ask(gateway.client.port, LIVE, accept=SSE, authorization=f"Bearer {token}")
    assert (await stream.all())[-1].data == {"reason": "expired"}


async def test_a_stream_has_its_time(start_gateway: StartGateway, ask: Ask) -> None:
    """And ends then, whole; also in the form and the version that knows no chunks."""
    gateway = await start_gateway(STREAM_SECONDS="1")
    streams = [
        await ask(gateway.client.port, LIVE, accept=form, version=version)
        for form in FORMS
        for version in ("1.0", "1.1")
    ]
    for stream in streams:
        assert (await stream.all())[-1].data == {"reason": "limit"}


async def test_a_client_that_does_not_read_gets_the_newest_state_alone(start_gateway: StartGateway, ask: Ask) -> None:
    """What it has not taken does not pile up: of all that it has missed it is told what has become of it."""
    services = FakeServices.with_profile()
    services.orders["user1"][0]["status"] = "x" * 60_000
    gateway = await start_gateway(services, **ADMIN)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", gateway.client.port))
        reader, writer = await asyncio.open_connection(sock=connection)
        slow, quick = await ask_on(reader, writer, LIVE, accept=SSE), await ask(gateway.client.port, LIVE, accept=SSE)
        await _told(quick, 5)
        for letter in "abcd":  # more than is to be on its way
            services.users["user1"]["full_name"] = letter * 60_000
            await _purge(gateway)
            assert (await _told(quick, 2))[0].data["value"]["full_name"][0] == letter
        seen = "".join([one.data["value"]["full_name"][0] for one in await _until_told(slow, "d")])
        await closed([writer])
    assert "c" not in seen
    assert seen.endswith("d")


@WAYS
@pytest.mark.parametrize("is_early", [True, False])
async def test_who_sends_no_more_is_not_kept(start_gateway: StartGateway, ask: Ask, early: str, is_early: bool) -> None:
    """It cannot be told from one who has left: it gets what there is, whether it ends before that is told or after."""
    services = FakeServices.with_profile()
    services.gates["products"] = asyncio.Event()
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    stream = await ask(gateway.client.port, LIVE, accept=SSE)
    if is_early:
        stream.writer.write_eof()
    services.gates["products"].set()
    assert _names(await _told(stream, 5))[-1] == "complete"
    if not is_early:
        stream.writer.write_eof()
    assert await stream.reader.read() == b""
    await _until(lambda: _open() == 0)


async def _until_told(stream: Streaming, letter: str) -> list[Told]:
    users: list[Told] = []
    while not users or users[-1].data["value"]["full_name"][0] != letter:
        users += [one for one in await _told(stream, 1) if one.name == "part" and one.data["name"] == "user"]
    return users


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"x" * 200_000])
async def test_nothing_more_can_be_asked_for(start_gateway: StartGateway, ask: Ask, sent: bytes) -> None:
    """A little is ignored, and who goes on is let go."""
    gateway = await start_gateway(**ADMIN)
    stream = await ask(gateway.client.port, LIVE, accept=SSE)
    await _told(stream, 5)
    stream.writer.write(sent)
    if len(sent) > 100_000:
        await _until(lambda: _open() == 0)
        return
    gateway.services.orders["user1"] = []
    await _purge(gateway)
    assert _names(await _told(stream, 3)) == ["orders", "products", "complete"]


async def test_a_change_is_seen_in_another_process(
    start_gateway: StartGateway, ask: Ask, redis_server: RedisServer
) -> None:
    """A purge by one gateway reaches the streams of another; one of them asks the services for both."""
    services = FakeServices.with_profile()
    gateways = [await start_gateway(services, REDIS_URL=redis_server.url, **ADMIN) for _ in range(2)]
    streams = [await ask(gateway.client.port, LIVE, accept=SSE) for gateway in gateways]
    for stream in streams:
        await _told(stream, 5)
    services.calls.clear()
    services.users["user1"]["full_name"] = "Ada Lovelace"
    await _purge(gateways[0])
    for stream in streams:
        assert _names(await _told(stream, 2)) == ["user", "complete"]
    assert [path for _, path in services.calls].count("/users/user1") == 1
