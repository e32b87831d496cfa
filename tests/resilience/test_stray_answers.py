"""One answer too many: whoever asks next gets what is theirs, nothing wrong is kept, and health is told truly."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import orjson
import pytest

from tests.fixtures.fake_services import order, product, user
from tests.fixtures.faulty_services import FAULTS, SERVICES, FaultyServices, head
from tests.resilience.conftest import StartOver

OF_ALICE: Final[dict[str, Any]] = {
    "users": user("alice"),
    "orders": [order("order-alice", "alice", "alice-a", "alice-b")],
    "products": [product("alice-a"), product("alice-b")],
}


def _answer(document: object, status: str = "200 OK") -> bytes:
    body = orjson.dumps(document)
    return head(f"Content-Length: {len(body)}", status=status) + body


STRAYS: Final[dict[str, Callable[[str], bytes]]] = {
    "the same answer again": lambda service: _answer(OF_ALICE[service]),
    "twice": lambda service: _answer(OF_ALICE[service]) * 2,
    "in chunks": lambda service: (
        head("Transfer-Encoding: chunked")
        + b"%x\r\n%b\r\n0\r\n\r\n" % (len(orjson.dumps(OF_ALICE[service])), orjson.dumps(OF_ALICE[service]))
    ),
    "nothing of the kind": lambda _service: _answer([]),
    "a 404": lambda _service: _answer({}, "404 Not Found"),
    "a 408": lambda _service: _answer({}, "408 Request Timeout"),
    "a 500": lambda _service: _answer({}, "500 Oops"),
    "a 503": lambda _service: _answer({}, "503 Later"),
    "the beginning of a head": lambda _service: b"HTTP/1.1 200 OK\r\nContent-Le",
    "early hints": lambda _service: b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "a line end": lambda _service: b"\r\n",
    "garbage": lambda _service: b"\x00\xff\xfe",
}


class OneTooMany:
    """Gives alice's answer once, with ``behind`` in the same breath, and keeps the connection to say more on."""

    def __init__(self, services: FaultyServices, service: str, behind: bytes) -> None:
        self._services = services
        self._service = service
        self._behind = behind
        self.end: asyncio.StreamWriter | None = None

    async def __call__(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Behave so, and well from then on."""
        del self._services.faults[self._service]
        self.end = writer
        writer.write(_answer(OF_ALICE[self._service]) + self._behind)
        await writer.drain()

    async def say(self, data: bytes) -> None:
        """Say so unasked."""
        assert self.end is not None
        self.end.write(data)
        await self.end.drain()


def _is_of(name: str, document: Any) -> bool:
    return (
        document["user"]["id"] == name
        and [one["user_id"] for one in document["orders"]] == [name]
        and set(document["products"]) == {f"{name}-a", f"{name}-b"}
        and not document["metadata"]["partial"]
    )


@pytest.mark.parametrize("breath", ["the same", "the next", "a later"])
@pytest.mark.parametrize("stray", STRAYS.values(), ids=list(STRAYS))
@pytest.mark.parametrize("service", SERVICES)
async def test_bob_gets_what_is_bobs(
    services: FaultyServices, gateway_over: StartOver, service: str, stray: Callable[[str], bytes], breath: str
) -> None:
    """Nobody's answer shifts to the next who asks, over none of the services' connections, and none is cached."""
    gateway = await gateway_over(CACHE_THROTTLE_SECONDS="0")
    said = stray(service)
    services.faults[service] = misbehaves = OneTooMany(services, service, said if breath == "the same" else b"")
    alice = (await gateway.get("/api/profile/alice")).json()
    assert alice["metadata"]["partial"] or _is_of("alice", alice)
    if breath != "the same":
        await misbehaves.say(said)
    if breath == "a later":
        assert misbehaves.end is not None
        while not misbehaves.end.is_closing():
            await asyncio.sleep(0)
    for name in ("bob", "carol", "bob", "alice"):
        assert _is_of(name, (await gateway.get(f"/api/profile/{name}")).json())


@pytest.mark.parametrize("status", ["404 Not Found", "503 Later"])
async def test_a_stray_answer_makes_no_service_ill(
    services: FaultyServices, gateway_over: StartOver, status: str
) -> None:
    """The probe of its health is asked on another connection."""
    gateway = await gateway_over()
    services.faults["users"] = misbehaves = OneTooMany(services, "users", b"")
    assert (await gateway.get("/api/profile/alice")).status_code == 200
    await misbehaves.say(_answer({}, status))
    assert (await gateway.get("/health")).json()["services"]["user_service"] == "healthy"


async def test_a_stray_answer_makes_no_service_well(services: FaultyServices, gateway_over: StartOver) -> None:
    """What it said to somebody else is no sign of health of a service that hangs."""
    gateway = await gateway_over()
    services.faults["users"] = misbehaves = OneTooMany(services, "users", b"")
    assert (await gateway.get("/api/profile/alice")).status_code == 200
    await misbehaves.say(_answer(OF_ALICE["users"]))
    services.faults["users"] = next(fault.behave for fault in FAULTS if fault.name == "hangs")
    assert (await gateway.get("/health")).json()["services"]["user_service"] == "unhealthy"
