"""The transport against services that misbehave on the wire: each fault becomes one of our errors."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import msgspec
import orjson
import pytest

from shared.deadline import Deadline
from shared.errors import AttemptTimeout, BadResponse, Overloaded, Unreachable, UpstreamError
from shared.observing.tracing import begin_trace, current_trace
from shared.settings.secret import Secret
from shared.upstream.call import Call
from shared.upstream.logical import Policies, Upstream
from shared.upstream.reading import json_of, json_or_absent
from shared.upstream.retry import RetryRules
from shared.upstream.timeout import attempt_timeout
from shared.upstream.transport.session import Session
from shared.upstream.transport.transport import BODY_LIMIT
from tests.fixtures.gateway import Clock
from tests.fixtures.processes import free_port
from tests.fixtures.recording_service import RecordingService
from tests.fixtures.unruly_service import FRAMED, UnrulyService

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


class Thing(msgspec.Struct):
    """What a well-behaved service answers."""

    name: str
    size: int = 0


def answer(
    body: bytes,
    *headers: str,
    status: str = "200 OK",
    content_type: str = "application/json",
    length: int | None = None,
) -> bytes:
    """An answer in bytes; ``length`` lies about the body."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", *headers]
    if not any(line.startswith("Transfer-Encoding") for line in headers):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Service:
    """A server that says one thing to everybody and remembers what it was asked."""

    def __init__(self, said: bytes, *, then_close: bool = True) -> None:
        self._said = said
        self._then_close = then_close
        self.asked: list[bytes] = []
        self.given = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request's head, say the one thing."""
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            for start in range(0, len(self._said), 65_536):
                writer.write(self._said[start : start + 65_536])
                await writer.drain()
                self.given = start + 65_536
            if not self._then_close:
                await reader.read()  # until the other side has had enough
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort() if not self._said else writer.close()


@pytest.fixture
async def session(loop: object) -> AsyncIterator[Session]:
    """An open pool."""
    async with Session() as opened:
        yield opened


async def ask(session: Session, service: Service, *, timeout: float = 5.0, body: bytes | None = None) -> Thing:
    """Call the service once, as an upstream does."""
    server = await asyncio.start_server(service.talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    upstream = Upstream("user_service", session.transport(f"http://127.0.0.1:{port}"), Policies(timeout=timeout))
    try:
        return await upstream.call(Call("/things/1?x=%20", json_of(Thing), Deadline.after(timeout), body))
    finally:
        server.close()


async def test_a_good_answer_is_read_and_other_fields_dropped(session: Session) -> None:
    """The value is typed; what the type does not name is gone."""
    thing = await ask(session, Service(answer(b'{"name":"lamp","size":3,"secret":"x"}')))
    assert thing == Thing("lamp", 3)


CASES: list[tuple[str, bytes, type[UpstreamError]]] = [
    ("status 500", answer(b"{}", status="500 Oops"), Unreachable),
    ("status 502", answer(b"<html>", status="502 Bad Gateway", content_type="text/html"), Unreachable),
    ("status 503", answer(b"{}", status="503 Later"), Unreachable),
    ("status 429", answer(b"{}", status="429 Slow down"), Overloaded),
    ("status 301", answer(b"", "Location: http://127.0.0.1:1/", status="301 Moved"), BadResponse),
    ("status 400", answer(b"{}", status="400 Bad"), BadResponse),
    ("status 404", answer(b"{}", status="404 Not here"), BadResponse),
    ("status 204", b"HTTP/1.1 204 None\r\n\r\n", BadResponse),
    ("status 201", answer(b'{"name":"lamp"}', status="201 Created"), BadResponse),
    ("reset", b"", Unreachable),
    ("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", BadResponse),
    ("huge header", answer(b"{}", "X-Big: " + "x" * 100_000), BadResponse),
    ("truncated", answer(b'{"name":', length=500), BadResponse),
    ("broken chunks", answer(b"zz\r\n", "Transfer-Encoding: chunked"), BadResponse),
    ("too long", answer(b"x" * 10, length=BODY_LIMIT + 1), BadResponse),
    ("garbage", answer(b"\x00\xff\xfe"), BadResponse),
    ("empty", answer(b""), BadResponse),
    ("invalid UTF-8", answer(b'{"name":"\xff\xfe"}'), BadResponse),
    ("NaN", answer(b'{"name":"a","size":NaN}'), BadResponse),
    ("deep", answer(b"[" * 200_000), BadResponse),
    ("wrong shape", answer(b"[]"), BadResponse),
    ("wrong type", answer(b'{"name":7}'), BadResponse),
    ("null", answer(b"null"), BadResponse),
    ("two documents", answer(b'{"name":"a"}{"name":"b"}'), BadResponse),
    ("not labelled", answer(b'{"name":"a"}', content_type="text/html"), BadResponse),
    ("compressed", answer(b"\x1f\x8b", "Content-Encoding: gzip"), BadResponse),
]


@pytest.mark.parametrize(("said", "error"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_each_fault_is_one_of_our_errors(session: Session, said: bytes, error: type[UpstreamError]) -> None:
    """Nothing that a service says gets past the transport as an exception of somebody else's."""
    with pytest.raises(error):
        await ask(session, Service(said))


async def test_an_endless_body_is_left_at_the_limit(session: Session) -> None:
    """A body without a length is read to 2 MiB and no further."""
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    service = Service(answer(b"", "Transfer-Encoding: chunked") + chunk * 2_000, then_close=False)
    with pytest.raises(BadResponse, match="limit"):
        await ask(session, service)
    assert service.given < 10 * BODY_LIMIT


async def test_a_body_that_drips_costs_the_attempts_time(session: Session) -> None:
    """Half a body and then nothing is a timeout."""
    service = Service(answer(b'{"na', length=100), then_close=False)
    with pytest.raises(AttemptTimeout):
        await ask(session, service, timeout=0.1)


async def test_nobody_there_is_unreachable(session: Session) -> None:
    """A refused connection and a name that does not exist are the same to callers."""
    for address in (f"http://127.0.0.1:{free_port()}", "http://name.invalid"):
        upstream = Upstream("user_service", session.transport(address), Policies(timeout=5))
        with pytest.raises((Unreachable, AttemptTimeout)):
            await upstream.call(Call("/", json_of(Thing), Deadline.after(5)))


async def test_404_can_be_an_answer(session: Session) -> None:
    """Where a call says so, 404 means that there is none."""
    server = await asyncio.start_server(Service(answer(b"{}", status="404 Not here")).talk, "127.0.0.1", 0)
    upstream = Upstream(
        "user_service",
        session.transport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"),
        Policies(timeout=5),
    )
    assert await upstream.call(Call("/", json_or_absent(Thing), Deadline.after(5))) is None
    server.close()


async def test_time_and_identity_travel_on(session: Session) -> None:
    """The service learns how long it has and on whose behalf it is asked; it is not asked for compression."""
    trace = begin_trace("order-4711", f"00-{'a' * 32}-{'b' * 16}-01", "vendor=1")
    token = current_trace.set(trace)
    service = Service(answer(b'{"name":"a"}'))
    try:
        await ask(session, service, timeout=3)
    finally:
        current_trace.reset(token)
    line, *headers = service.asked[0].decode().strip().split("\r\n")
    sent = {name.lower(): value for name, value in (header.split(": ", 1) for header in headers)}
    assert line == "GET /things/1?x=%20 HTTP/1.1"
    assert 2000 < int(sent["x-request-timeout-ms"]) <= 3000
    assert sent["x-request-id"] == "order-4711"
    assert sent["traceparent"] == f"00-{'a' * 32}-{trace.span_id}-01"
    assert sent["tracestate"] == "vendor=1"
    assert sent["accept-encoding"] == "identity"


async def test_a_body_is_posted_as_json(session: Session) -> None:
    """A call with a body is a POST that says what it sends."""
    service = Service(answer(b'{"name":"a"}'))
    await ask(session, service, body=orjson.dumps({"x": 1}))
    assert service.asked[0].startswith(b"POST ")
    assert b"Content-Type: application/json\r\n" in service.asked[0]


async def test_a_closed_session_is_unreachable() -> None:
    """Calls after the end are refused like any other call that cannot be made."""
    async with Session() as session:
        pass
    with pytest.raises(Unreachable):
        await ask(session, Service(b""))


@pytest.mark.parametrize("heard", [b"", b"HTTP/1.1 2", b"HTTP/1.1 103 Early"], ids=["nothing", "a beginning", "a hint"])
@pytest.mark.parametrize("after", [0.0, 0.009, 0.011, 1.0])
async def test_a_pooled_connection_that_is_lost_is_stale_only_right_after_the_write(
    loop: object, after: float, heard: bytes
) -> None:
    """A loss within milliseconds, with nothing heard, costs one more sending; a later one is the service's own."""
    clock = Clock()

    async with Session(clock=clock) as session, UnrulyService() as service:
        upstream = Upstream("user_service", session.transport(service.address), Policies(5, retry=RetryRules(0)))

        async def ask() -> object:
            return await upstream.call(Call("/users/bob", json_of(object), Deadline.after(5)))

        def die(body: bytes) -> tuple[bytes, ...]:
            service.framed = FRAMED["with its length"]
            clock.now += after
            service.ends[0].send(heard)
            service.hang_up(service.ends[0])
            return (body,)

        assert await ask() == {"id": "bob"}
        service.framed = die
        if after < 0.01 and not heard:
            assert await ask() == {"id": "bob"}
            assert len(service.asked) == 3
            return
        with pytest.raises((Unreachable, BadResponse)) as caught:
            await ask()
        assert caught.value.is_failure
        assert len(service.asked) == 2


@pytest.mark.parametrize("retries", [0, 1, 5])
@pytest.mark.parametrize("pooled", [0, 1, 30])
@pytest.mark.parametrize("after", [0.0, 1.0], ids=["at once", "later"])
async def test_a_call_that_kills_its_service_is_sent_twice_at_most(
    loop: object, after: float, pooled: int, retries: int
) -> None:
    """All connections die with the worker that it kills; only the first loss can pass for a stale connection."""
    clock = Clock()

    async with Session(clock=clock) as session, UnrulyService() as service:
        policies = Policies(5, retry=RetryRules(retries, min_pause=0, max_pause=0))
        upstream = Upstream("user_service", session.transport(service.address), policies)

        async def ask(name: str) -> object:
            return await upstream.call(Call(f"/users/{name}", json_of(object), Deadline.after(5)))

        def crash(body: bytes) -> tuple[bytes, ...]:
            if b"poison" in body:
                clock.now += after
                for end in list(service.ends):
                    service.hang_up(end)
            return (body,)

        await asyncio.gather(*(ask(f"user{number}") for number in range(pooled)))
        service.framed = crash
        with pytest.raises(Unreachable):
            await ask("poison")
        assert service.asked.count("poison") == (2 if pooled and not after else 1)


@pytest.mark.parametrize(
    ("spent", "wanted", "told"),
    [(0.0, None, 3000), (1.25, None, 1750), (2.9999, None, 1), (7.0, None, 1), (0.0, 2.0, 2000), (0.5, 2.0, 1500),
     (0.0, 60.0, 3000), (0.5, 0.25, 1), (0.5, -5.0, 1)],
)  # fmt: skip
async def test_the_service_is_told_what_is_left_at_the_moment_of_the_write(
    session: Session, spent: float, wanted: float | None, told: int
) -> None:
    """Until the attempt ends or nobody wants the answer any more, whichever is sooner, reckoned when it is sent."""
    clock = Clock()
    service = Service(answer(b'{"name":"a"}'))
    server = await asyncio.start_server(service.talk, "127.0.0.1", 0)
    transport = session.transport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    async def slow(call: Call[Any]) -> Any:
        clock.now += spent  # for a look-up of the name, a connection, a handshake
        return await transport(call)

    until = None if wanted is None else (lambda instant=clock.now + wanted: instant)
    call: Call[Thing] = Call("/", json_of(Thing), Deadline(clock.now + 9, clock), wanted_until=until)
    await attempt_timeout(3)(slow)(call)
    server.close()
    assert f"x-request-timeout-ms: {told}\r\n" in service.asked[0].decode().lower()


async def test_another_token_is_shown_from_the_next_call_on() -> None:
    """On the connections that there are, and to that service alone."""
    token = Secret("the-first-token")
    async with RecordingService({"/thing": {"name": "x"}}) as service, Session() as session:
        address = f"http://127.0.0.1:{service.port}"
        shown = Upstream("user_service", session.transport(address, token=token), Policies(5))
        unknown = Upstream("order_service", session.transport(address), Policies(5))
        for text in ("the-first-token", "the-second-token", "the-second-token", ""):
            token.text = text
            await shown.call(Call("/thing", json_of(Thing), Deadline.after(5)))
            await unknown.call(Call("/thing", json_of(Thing), Deadline.after(5)))
    fields = [line for head in service.heads for line in head.split(b"\r\n") if line.startswith(b"Authorization")]
    assert fields == [b"Authorization: Bearer the-first-token"] + 2 * [b"Authorization: Bearer the-second-token"]
    assert service.connections == 1
