"""A small app of the kit on a real socket, spoken to in raw bytes, and what the metrics say of it."""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

from prometheus_client import REGISTRY
from sanic import HTTPResponse, Request, Sanic

from shared import codec
from shared.errors import InvalidInput, NotFound
from shared.http import routing
from shared.serving.app import build_app
from shared.settings.declared import Settings
from shared.settings.loading import load
from tests.fixtures.closing import reset
from tests.kit.operations import operation


class Doors:
    """Where the app's ``/slow`` waits, and how a test sees that a request has come there."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()


def small_app(doors: Doors, **environment: str) -> Sanic[Any, Any]:
    """Routes: /hello/<name>, /slow, /pieces, /broken, and POST /length."""

    async def hello(_request: Request, name: str) -> HTTPResponse:
        if name == "bad":
            raise InvalidInput("no such name")
        if name == "nobody":
            raise NotFound("nobody is there")
        return routing.encoded_response(codec.document({"hello": name}))

    async def slow(_request: Request) -> HTTPResponse:
        doors.entered.set()
        await doors.open.wait()
        return routing.encoded_response(codec.document({"slow": True}))

    async def pieces(request: Request) -> Any:
        answer: Any = await request.respond(content_type="text/plain")
        await answer.send("first")
        doors.entered.set()
        await doors.open.wait()
        for piece in ("second", "third"):
            await answer.send(piece)
        await answer.eof()

    async def broken(_request: Request) -> HTTPResponse:
        raise KeyError("a secret of the code")

    async def length(request: Request) -> HTTPResponse:
        return routing.encoded_response(codec.document({"length": len(request.body)}))

    def routes(app: Sanic[Any, Any]) -> None:
        routing.get(app, "/hello/<name:str>", hello, "hello", operation("name"))
        routing.get(app, "/slow", slow, "slow", operation())
        routing.get(app, "/pieces", pieces, "pieces", operation())
        routing.get(app, "/broken", broken, "broken", operation())
        routing.post(app, "/length", length, "length", operation())

    return build_app("small", load(Settings, environment), routes=[routes], body_limit=1000)


class Wire:
    """One connection to a server on ``port``."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_error: object) -> None:
        reset(self._writer)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)

    def shut(self) -> None:
        """Send no more, and go on reading."""
        self._writer.write_eof()

    async def answer(self, *, body: bool = True) -> tuple[int, Mapping[str, str], bytes]:
        """One answer: status, headers by lower-case name, body; ``body`` is False after HEAD."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        length = int(headers.get("content-length", "0")) if body else 0
        return int(first.split(" ")[1]), headers, await self._reader.readexactly(length)

    async def ended(self) -> bytes:
        """What still comes until the server closes."""
        return await self._reader.read()


class Counted:
    """Requests counted since this was made, by method, endpoint and status."""

    def __init__(self) -> None:
        self._before = _counts()

    def now(self) -> dict[tuple[str, str, str], int]:
        """Those counted meanwhile."""
        return {
            labels: int(value - self._before.get(labels, 0))
            for labels, value in _counts().items()
            if value != self._before.get(labels, 0)
        }

    async def reaches(self, total: int) -> dict[tuple[str, str, str], int]:
        """Those counted meanwhile, once there are ``total`` of them."""
        while sum(self.now().values()) < total:
            await asyncio.sleep(0)
        return self.now()


def active() -> float:
    """The gauge of requests being answered."""
    return REGISTRY.get_sample_value("http_active_requests") or 0.0


def _counts() -> dict[tuple[str, str, str], float]:
    return {
        (sample.labels["method"], sample.labels["endpoint"], sample.labels["status"]): sample.value
        for family in REGISTRY.collect()
        if family.name == "http_requests"
        for sample in family.samples
    }
