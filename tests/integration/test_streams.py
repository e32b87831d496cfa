"""A profile part by part: what leaves when, and that it is what the document says of the same moment."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from shared.errors import AttemptTimeout, Unreachable
from shared.observing import metrics
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import Clock, StartGateway
from tests.fixtures.log_lines import heard
from tests.fixtures.streaming import FORMS, JSONL, SSE, Ask, Streaming, Told, ask_on

PROFILE = "/api/profile/user1"
WAYS = pytest.mark.parametrize("early", ["true", "false"])
IN_BOTH_FORMS = pytest.mark.parametrize("form", FORMS)
FRESH = {"status": "fresh"}


def _parts(told: list[Told]) -> Mapping[str, Any]:
    return {one.data["name"]: (one.data["provenance"], one.data["value"]) for one in told if one.name == "part"}


def _document(told: list[Told]) -> Any:
    """The document that the last state of a stream makes."""
    (complete,) = (one for one in told if one.name == "complete")
    return {name: value for name, (_, value) in _parts(told).items()} | {"metadata": complete.data["metadata"]}


async def _next(stream: Streaming) -> Told:
    told = await stream.next()
    assert told is not None
    return told


@WAYS
@IN_BOTH_FORMS
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_a_stream_says_what_the_document_says(
    start_gateway: StartGateway, ask: Ask, early: str, form: str, version: str
) -> None:
    """Begin, each part, complete and end, from a load and from memory; the state is the document's, with its tag."""
    gateway = await start_gateway(EARLY_ANSWERS=early)
    missed = await (await ask(gateway.client.port, PROFILE, accept=form, version=version)).all()
    plain = await gateway.get(PROFILE)
    hit = await (await ask(gateway.client.port, PROFILE, accept=form, version=version)).all()
    for told in (missed, hit):
        assert told[0].data == {"user_id": "user1", "parts": ["user", "orders", "products"], "live": False}
        assert [one.name for one in told] == ["begin", "part", "part", "part", "complete", "end"]
        assert told[-1].data == {"reason": "done"}
        assert told[-2].data["etag"] == plain.headers["etag"]
        assert plain.headers["etag"] == f'W/"{told[-2].id}"'
        assert [one.id for one in told if one.name != "complete"] == [None] * 5
    assert _document(hit) == plain.json()
    assert _document(missed) == {**plain.json(), "metadata": {**plain.json()["metadata"], "cached": False}}


@WAYS
@IN_BOTH_FORMS
async def test_the_bytes_of_a_part_are_those_of_the_document(
    start_gateway: StartGateway, ask: Ask, early: str, form: str
) -> None:
    """Money keeps its digits, and nothing is written in another way."""
    services = FakeServices.with_profile()
    services.products["p1"]["price"] = 0.1
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    stream = await ask(gateway.client.port, PROFILE, accept=form, version="1.0")
    data = await stream.reader.read()
    document = (await gateway.get(PROFILE)).content
    for name, following in (("user", "orders"), ("orders", "products"), ("products", "metadata")):
        member = document.partition(b'"%b":' % name.encode())[2].partition(b',"%b":' % following.encode())[0]
        assert b'"value":%b}' % member in data


@WAYS
@pytest.mark.parametrize("slow", ["users", "orders", "products"])
async def test_a_part_does_not_wait_for_another(start_gateway: StartGateway, ask: Ask, early: str, slow: str) -> None:
    """While one service has not answered, all that does not depend on it has come."""
    services = FakeServices.with_profile()
    services.gates[slow] = asyncio.Event()
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    stream = await ask(gateway.client.port, PROFILE, accept=SSE)
    quick = {"users": {"orders", "products"}, "orders": {"user"}, "products": {"user", "orders"}}[slow]
    assert (await _next(stream)).name == "begin"
    assert {(await _next(stream)).data["name"] for _ in quick} == quick
    services.gates[slow].set()
    rest = await stream.all()
    assert {*_parts(rest)} == {"user", "orders", "products"} - quick
    assert [one.name for one in rest][-2:] == ["complete", "end"]


@WAYS
async def test_whoever_joins_a_load_gets_its_parts_as_well(start_gateway: StartGateway, ask: Ask, early: str) -> None:
    """One begun by a plain request, of which some parts are known already; services are asked once."""
    services = FakeServices.with_profile()
    services.gates["products"] = asyncio.Event()
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    plain = asyncio.ensure_future(gateway.get(PROFILE))
    while not services.batches:
        await asyncio.sleep(0.001)
    stream = await ask(gateway.client.port, PROFILE, accept=SSE)
    assert [(await _next(stream)).name for _ in range(3)] == ["begin", "part", "part"]
    services.gates["products"].set()
    assert (await stream.all())[-2].data["etag"] == (await plain).headers["etag"]
    assert len(services.calls) == 3


@WAYS
async def test_what_is_missing_is_told_with_its_reason(start_gateway: StartGateway, ask: Ask, early: str) -> None:
    """A part that cannot be had is null, the state has neither tag nor id, and the stream ends as any other."""
    services = FakeServices.with_profile()
    services.failures["products"] = AttemptTimeout("late")
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    told = await (await ask(gateway.client.port, PROFILE, accept=SSE)).all()
    assert _parts(told)["products"] == ({"status": "missing", "reason": "timeout"}, None)
    assert (told[-2].data["etag"], told[-2].id) == (None, None)
    assert told[-2].data["metadata"]["partial"]


@WAYS
@IN_BOTH_FORMS
async def test_what_has_nothing_to_give_is_a_problem_as_ever(
    start_gateway: StartGateway, ask: Ask, early: str, form: str
) -> None:
    """Unknown, malformed and unavailable: the same status and document as without a stream."""
    services = FakeServices.with_profile()
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    port = gateway.client.port
    for path, status in (("/api/profile/nobody", 404), ("/api/profile/nobody", 404), ("/api/profile/a.b", 400)):
        answer = await ask(port, path, accept=form)
        assert (answer.status, answer.fields["content-type"]) == (status, "application/problem+json")
        assert (await answer.document())["instance"] == path
    services.failures = {"users": Unreachable("gone"), "orders": Unreachable("gone")}
    answer = await ask(port, "/api/profile/user2", accept=form)
    assert (answer.status, answer.fields["retry-after"]) == (503, "2")


@WAYS
async def test_a_user_who_turns_out_not_to_exist_ends_the_stream(
    start_gateway: StartGateway, ask: Ask, early: str
) -> None:
    """After an empty part has left, the end has the problem in it."""
    services = FakeServices.with_profile()
    services.gates["users"] = asyncio.Event()
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    stream = await ask(gateway.client.port, "/api/profile/nobody", accept=SSE, x_request_id="mine")
    assert (await _next(stream)).name == "begin"
    assert (await _next(stream)).data == {"name": "orders", "provenance": FRESH, "value": []}
    services.gates["users"].set()
    end = (await stream.all())[-1]
    assert end.data["reason"] == "problem"
    assert (end.data["problem"]["status"], end.data["problem"]["request_id"]) == (404, "mine")
    again = await ask(gateway.client.port, "/api/profile/nobody", accept=SSE)
    assert again.status == 404


@WAYS
@IN_BOTH_FORMS
async def test_whoever_has_the_state_is_told_so(start_gateway: StartGateway, ask: Ask, early: str, form: str) -> None:
    """204 for its id, by the field or the query, whether it is in memory or not; everything for another id."""
    clock = Clock()
    gateway = await start_gateway(clock=clock, EARLY_ANSWERS=early)
    tag = (await gateway.get(PROFILE)).headers["etag"][3:-1]
    for _ in range(2):
        by_field = await ask(gateway.client.port, PROFILE, accept=form, last_event_id=tag)
        by_query = await ask(gateway.client.port, f"{PROFILE}?last_event_id={tag}", accept=form)
        other = await ask(gateway.client.port, f"{PROFILE}?last_event_id={tag}", accept=form, last_event_id="older")
        assert (by_field.status, by_query.status) == (204, 204)
        assert by_field.fields["vary"].split(", ")[0] == "Accept"
        assert [one.name for one in await other.all()] == ["begin", "part", "part", "part", "complete", "end"]
        clock.now += 60


@WAYS
async def test_heads_tell_proxies_to_let_it_through(start_gateway: StartGateway, ask: Ask, early: str) -> None:
    """Not to be stored, collected or coded; the document says that there is this as well."""
    gateway = await start_gateway(EARLY_ANSWERS=early)
    for method in ("GET", "HEAD"):
        stream = await ask(gateway.client.port, PROFILE, accept=SSE, accept_encoding="zstd, gzip", method=method)
        assert stream.status == 200
        assert stream.fields["content-type"] == SSE
        assert stream.fields["cache-control"] == "no-store"
        assert stream.fields["x-accel-buffering"] == "no"
        assert stream.fields["vary"].split(", ")[0] == "Accept"
        assert "content-encoding" not in stream.fields
        assert "content-length" not in stream.fields
        assert stream.fields["x-request-id"]
    for headers in ({}, {"accept": "*/*"}, {"accept": "text/*"}, {"accept": f"application/json, {SSE}"}):
        answer = await gateway.get(PROFILE, **headers)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["vary"].startswith("Accept, Accept-Encoding")
    for accept, form in ((f"{JSONL}, */*", JSONL), (f"{SSE};q=0.5, {JSONL};q=0.6", JSONL), (f"{SSE}, {JSONL}", SSE)):
        assert (await ask(gateway.client.port, PROFILE, accept=accept)).fields["content-type"] == form


@WAYS
async def test_a_connection_goes_on_after_a_stream(start_gateway: StartGateway, ask: Ask, early: str) -> None:
    """Also with a request that was sent while the stream went on; HEAD and 204 leave it open as well."""
    services = FakeServices.with_profile()
    services.gates["products"] = asyncio.Event()
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    stream = await ask(gateway.client.port, PROFILE, accept=SSE)
    await _next(stream)
    stream.writer.write(b"GET /health/live HTTP/1.1\r\nHost: gateway\r\n\r\n")
    services.gates["products"].set()
    told = await stream.all()
    assert told[-1].name == "end"
    head = await stream.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert await stream.reader.readexactly(len(b'{"status":"alive"}')) == b'{"status":"alive"}'
    tag = told[-2].id or ""
    for method, headers, status in (("HEAD", {}, 200), ("GET", {"last_event_id": tag}, 204), ("GET", {}, 200)):
        answer = await ask_on(stream.reader, stream.writer, PROFILE, method=method, accept=SSE, **headers)
        assert answer.status == status
    assert (await answer.all())[-1].name == "end"


@WAYS
async def test_the_head_alone_is_no_error(
    start_gateway: StartGateway, ask: Ask, caplog: pytest.LogCaptureFixture, early: str
) -> None:
    """Neither that of a stream that would stay."""
    gateway = await start_gateway(EARLY_ANSWERS=early)
    for path in (PROFILE, f"{PROFILE}?live=true"):
        stream = await ask(gateway.client.port, path, accept=SSE, method="HEAD")
        again = await ask_on(stream.reader, stream.writer, path, method="HEAD", accept=SSE)
        assert (stream.status, again.status) == (200, 200)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_who_knows_no_chunks_reads_to_the_end(start_gateway: StartGateway, ask: Ask) -> None:
    """Also when it would have liked to go on after that."""
    gateway = await start_gateway()
    stream = await ask(gateway.client.port, PROFILE, accept=SSE, version="1.0", connection="keep-alive")
    assert stream.fields["connection"] == "close"
    assert (await stream.all())[-1].name == "end"


@WAYS
async def test_a_view_comes_whole(start_gateway: StartGateway, ask: Ask, early: str) -> None:
    """To whoever takes it like this as well; else it is a problem."""
    gateway = await start_gateway(EARLY_ANSWERS=early)
    view = f"{PROFILE}?view=card"
    assert (await ask(gateway.client.port, view, accept=SSE)).status == 406
    answer = await ask(gateway.client.port, view, accept=f"{SSE}, application/json;q=0.1")
    assert (await answer.document())["metadata"]["view"] == "card"


@WAYS
async def test_a_stream_is_counted_once_and_logged_when_it_ends(
    start_gateway: StartGateway, ask: Ask, early: str
) -> None:
    """As answered when it begins, never as being answered or in what tells how quick answers are."""
    label = ("GET", "/api/profile/<user_id>")
    services = FakeServices.with_profile()
    services.gates["products"] = asyncio.Event()
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    counted, timed = metrics.requests.labels(*label, "200"), metrics.request_duration.labels(*label)
    before = counted._value.get(), timed._sum.get(), metrics.active_requests._value.get()
    lines: list[bytes] = []
    with heard(lines.append):
        stream = await ask(gateway.client.port, PROFILE, accept=SSE)
        await _next(stream)
        assert counted._value.get() - before[0] == 1
        assert metrics.active_requests._value.get() == before[2]
        assert metrics.streams_open._value.get() == 1
        services.gates["products"].set()
        await stream.all()
        while metrics.streams_open._value.get():
            await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert (counted._value.get() - before[0], timed._sum.get()) == (1, before[1])
    (line,) = [told for told in map(orjson.loads, lines) if told["event"] == "request"]
    assert (line["status"], line["ended"], line["events"], line["cache"]) == (200, "done", 6, "miss")


@WAYS
async def test_nobody_is_asked_for_a_client_that_has_left(start_gateway: StartGateway, ask: Ask, early: str) -> None:
    """Its load is cancelled at once, whether anything has left or not, and the gateway serves on."""
    services = FakeServices.with_profile()
    services.gates = {"users": asyncio.Event(), "products": asyncio.Event()}
    gateway = await start_gateway(services, EARLY_ANSWERS=early)
    left = metrics.streams_ended.labels("left")
    before = left._value.get()
    stream = await ask(gateway.client.port, PROFILE, accept=SSE)
    await _next(stream)
    stream.writer.transport.abort()
    while left._value.get() == before:
        await asyncio.sleep(0.001)
    services.gates.clear()
    assert (await gateway.get(PROFILE)).status_code == 200
    assert metrics.active_requests._value.get() == 0
