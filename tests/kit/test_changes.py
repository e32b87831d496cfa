"""Calls that change something: how they are sent, and that nothing is done twice that should be done once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pytest

from shared.deadline import Deadline
from shared.errors import UpstreamError
from shared.upstream.call import Call, Change, Reply
from shared.upstream.concrete import Changed, Concrete
from shared.upstream.endpoint import InstanceTransport
from shared.upstream.logical import Policies, Upstream
from shared.upstream.lookup.location import Location
from shared.upstream.reading import Accepted, Declined, json_or_declined
from shared.upstream.retry import RetryRules
from shared.upstream.transport.session import Session
from tests.fixtures.processes import free_port

PATIENCE: Final = 30.0
RETRIES: Final = RetryRules(retries=1, min_pause=0.0, max_pause=0.0)


class Thing(msgspec.Struct):
    """What is changed."""

    name: str


_read = json_or_declined(Thing, (200, 201), (404, 409, 422))


def _answer(status: str, body: bytes = b'{"name":"new"}', media_type: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Service:
    """Says ``first`` once it has a whole request, and ``then`` to all further ones; None for nothing, ever.

    Attributes:
        first, then: answers; b"" ends the connection.
        requests: what it has read of each.
    """

    first: bytes | None
    then: bytes | None = _answer("200 OK")

    def __post_init__(self) -> None:
        self.requests: list[bytes] = []
        self.talks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin to talk to somebody."""
        self.talks.add(asyncio.ensure_future(self._talk(reader, writer)))

    async def end(self) -> None:
        """When all have left."""
        await asyncio.gather(*self.talks)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                said = self.first if len(self.requests) == 1 else self.then
                if said is None:
                    await reader.read()
                if not said:
                    break
                writer.write(said)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()


@asynccontextmanager
async def _upstream(*services: Service, absent: int = 0, timeout: float = PATIENCE) -> AsyncIterator[Upstream]:
    """What calls one of ``services``; at so many more addresses nobody listens (``absent``)."""
    async with AsyncExitStack() as stack:
        servers = [await asyncio.start_server(one.accept, "127.0.0.1", 0) for one in services]
        for server, one in zip(servers, services, strict=True):
            stack.push_async_callback(one.end)
            stack.callback(server.close)
        session = await stack.enter_async_context(Session())
        ports = [server.sockets[0].getsockname()[1] for server in servers]
        ports += [free_port() for _ in range(absent)]
        policies = Policies(timeout=timeout, retry=RETRIES)
        if len(ports) == 1:
            yield Upstream("user_service", session.transport(f"http://127.0.0.1:{ports[0]}"), policies)
            return
        places = [Location("http://things", ("127.0.0.1",), port) for port in ports]
        concrete = Concrete(
            "user_service",
            lambda changed: _Known(changed, places),
            lambda one: session.transport(one.base_url, hosts=one.hosts, port=one.port),
        )
        yield Upstream("user_service", await stack.enter_async_context(concrete), policies)


class _Known:
    """Tells at once where the instances are."""

    def __init__(self, changed: Changed, places: Sequence[Location]) -> None:
        self._changed = changed
        self._places = places

    async def __aenter__(self) -> None:
        self._changed(self._places)

    async def __aexit__(self, *_: object) -> None:
        pass

    def hurry(self) -> None:
        pass

    async def found(self) -> None:
        pass


def _change(*, key: str = "", repeatable: bool = False, method: str = "POST") -> Change:
    return Change(method, "application/json", key, repeatable=repeatable)


async def _send(upstream: Upstream, change: Change, seconds: float = PATIENCE) -> Accepted | Declined | UpstreamError:
    call = Call("/things", _read, Deadline.after(seconds), b'{"name":"new"}', change=change)
    try:
        return await upstream.call(call)
    except UpstreamError as error:
        return error


@pytest.mark.parametrize("key", ["", "5e0c", "!~\"'"])
@pytest.mark.parametrize(
    ("method", "media_type"), [("POST", "application/json"), ("PATCH", "application/merge-patch+json")]
)
async def test_it_is_sent_as_it_says(loop: object, method: str, media_type: str, key: str) -> None:
    """By its method, with its media type and its key, and with its body as it is."""
    service = Service(_answer("201 Created"))
    async with _upstream(service) as upstream:
        got = await _send(upstream, Change(method, media_type, key, repeatable=False))
    assert got == Accepted(201, Thing("new"))
    (head, _, body) = service.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    assert (first, body) == (f"{method} /things HTTP/1.1", b'{"name":"new"}')
    assert (fields["Content-Type"], fields.get("Idempotency-Key", "")) == (media_type, key)


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the first attempt.

    Attributes:
        service: makes the service; None where nobody listens.
        leaves: whether any of the request may have reached it.
        worth_it: whether another attempt is made where that does no harm.
    """

    service: Callable[[], Service] | None
    leaves: bool
    worth_it: bool
    timeout: float = PATIENCE


FAULTS: Final[Mapping[str, Fault]] = {
    "nobody listens": Fault(None, leaves=False, worth_it=True),
    "ended after it": Fault(lambda: Service(b""), leaves=True, worth_it=False),
    "half an answer": Fault(lambda: Service(_answer("200 OK")[:-3] + b""), leaves=True, worth_it=False, timeout=0.3),
    "no answer": Fault(lambda: Service(None), leaves=True, worth_it=False, timeout=0.3),
    "no JSON": Fault(lambda: Service(_answer("200 OK", b"{")), leaves=True, worth_it=False),
    "303": Fault(lambda: Service(_answer("303 See Other")), leaves=True, worth_it=False),
    "429": Fault(lambda: Service(_answer("429 Too Many Requests")), leaves=True, worth_it=False),
    "401": Fault(lambda: Service(_answer("401 Unauthorized")), leaves=True, worth_it=False),
    "404 of somebody else": Fault(
        lambda: Service(_answer("404 Not Found", b"<html>", "text/html")), leaves=True, worth_it=False
    ),
    "500": Fault(lambda: Service(_answer("500 Internal Server Error")), leaves=True, worth_it=False),
    "502": Fault(lambda: Service(_answer("502 Bad Gateway")), leaves=True, worth_it=True),
    "503": Fault(lambda: Service(_answer("503 Service Unavailable")), leaves=True, worth_it=True),
    "504": Fault(lambda: Service(_answer("504 Gateway Timeout")), leaves=True, worth_it=True),
}  # fmt: skip


@pytest.mark.parametrize("repeatable", [False, True], ids=["once", "repeatable"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_nothing_is_sent_twice_that_may_have_arrived(loop: object, fault: Fault, repeatable: bool) -> None:
    """Unless the service does it once however often it comes; what has not left may always be tried again."""
    services = [] if fault.service is None else [fault.service()]
    change = _change(repeatable=repeatable)
    async with _upstream(*services, absent=not services, timeout=fault.timeout) as upstream:
        got = await _send(upstream, change)
    tried_again = fault.worth_it and (repeatable or not fault.leaves)
    assert change.sent == sum(len(one.requests) for one in services)
    assert change.sent == (0 if not services else fault.leaves + tried_again)
    assert isinstance(got, Accepted) == (tried_again and bool(services))


@pytest.mark.parametrize("repeatable", [False, True], ids=["once", "repeatable"])
@pytest.mark.parametrize("fault", ["ended after it", "no answer"])
async def test_another_instance_is_asked_only_where_that_does_no_harm(
    loop: object, fault: str, repeatable: bool
) -> None:
    """It may have been done by the first, that gave no answer."""
    services = [FAULTS[fault].service(), FAULTS[fault].service()]  # type: ignore[misc]  # both have one
    for one in services:
        one.then = one.first
    change = _change(repeatable=repeatable)
    async with _upstream(*services, timeout=0.3) as upstream:
        got = await _send(upstream, change)
    assert isinstance(got, UpstreamError)
    assert sorted(len(one.requests) for one in services) == ([1, 1] if repeatable else [0, 1])
    assert change.sent == 1 + repeatable


async def test_an_instance_that_is_not_there_costs_no_change(loop: object) -> None:
    """What could not leave for one is sent to another."""
    service = Service(_answer("200 OK"))
    async with _upstream(service, absent=1) as upstream:
        for _ in range(4):
            change = _change()
            assert await _send(upstream, change) == Accepted(200, Thing("new"))
            assert change.sent == 1
    assert len(service.requests) == 4


@pytest.mark.parametrize("status", ["404 Not Found", "409 Conflict", "422 Unprocessable Content"])
async def test_a_refusal_is_an_answer(loop: object, status: str) -> None:
    """It speaks against nobody, and is not tried again."""
    service = Service(_answer(status, b"{}", "application/problem+json"))
    async with _upstream(service) as upstream:
        assert await _send(upstream, _change(repeatable=True)) == Declined(int(status[:3]))
    assert len(service.requests) == 1


async def test_a_change_without_time_is_not_sent(loop: object) -> None:
    """Then it has surely not been done."""
    service, change = Service(_answer("200 OK")), _change()
    async with _upstream(service) as upstream:
        assert isinstance(await _send(upstream, change, seconds=0.0), UpstreamError)
    assert (change.sent, service.requests) == (0, [])


async def test_an_instance_that_lets_nobody_in_costs_no_change(loop: object) -> None:
    """An attempt whose time is over before anything has left is made at another instance."""
    asked: list[Location] = []

    def connect(location: Location) -> InstanceTransport:
        return _Hanging() if location.port == 1 else _Well(asked, location)

    places = [Location("http://things", ("127.0.0.1",), port) for port in (1, 2)]
    async with Concrete("user_service", lambda changed: _Known(changed, places), connect) as concrete:
        upstream = Upstream("user_service", concrete, Policies(timeout=0.05, retry=RETRIES))
        for _ in range(4):
            assert await _send(upstream, _change()) == Accepted(200, Thing("new"))
    assert asked == places[1:] * 4


class _Hanging:
    """Never connects."""

    async def __call__(self, call: Call[Any]) -> Any:
        await asyncio.Event().wait()
        return call

    def close(self) -> None:
        pass


class _Well:
    """Does as it is told."""

    def __init__(self, asked: list[Location], location: Location) -> None:
        self._asked = asked
        self._location = location

    async def __call__(self, call: Call[Any]) -> Any:
        self._asked.append(self._location)
        return call.read(Reply(200, {"content-type": "application/json"}, call.body or b""))

    def close(self) -> None:
        pass
