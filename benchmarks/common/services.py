"""The three services in this very process, as fast as can be, so that the gateway is what is measured."""

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self, cast

import httptools
import orjson

from benchmarks.common import people
from benchmarks.common.ports import LOCAL, free_port

_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_BACKLOG: Final = 1024
_BODIES: Final[Mapping[str, Callable[[str, bytes], bytes]]] = {
    "users": lambda path, _body: people.user(path.rpartition("/")[2]),
    "orders": lambda path, _body: people.orders(path.rpartition("/")[2]),
    "products": lambda _path, body: people.products(orjson.loads(body)["product_ids"]),
}


class Service:
    """One service on a port of its own; ``asked`` counts the requests it has had, and ``delay`` is seconds it takes."""

    def __init__(self, name: str) -> None:
        self.port = free_port()
        self.asked = 0
        self.delay = 0.0
        self.body = _BODIES[name]
        self.connections: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen, if it does not."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), LOCAL, self.port, backlog=_BACKLOG)

    def close(self) -> None:
        """Be down: connections end, and new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in tuple(self.connections):
            connection.abort()


class Services:
    """All three, open inside the context."""

    def __init__(self) -> None:
        self._services = {name: Service(name) for name in _BODIES}

    async def __aenter__(self) -> Self:
        """Listen."""
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Listen no longer."""
        for service in self._services.values():
            service.close()

    async def open(self) -> None:
        """Have all of them listen, those too that were down."""
        for service in self._services.values():
            await service.open()

    def __getitem__(self, name: str) -> Service:
        """``users``, ``orders`` or ``products``."""
        return self._services[name]

    @property
    def asked(self) -> int:
        """How many requests they have had, all together."""
        return sum(service.asked for service in self._services.values())

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where they are, as environment variables of the gateway."""
        return {
            f"{name[:-1].upper()}_SERVICE_URL": f"http://{LOCAL}:{service.port}"
            for name, service in self._services.items()
        }


class _Connection(asyncio.Protocol):
    def __init__(self, service: Service) -> None:
        self._service = service
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._path = ""
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._service.connections.add(self._transport)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._transport is not None:
            self._service.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._body = b""

    def on_url(self, url: bytes) -> None:
        self._path = url.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._service.asked += 1
        body = self._service.body(self._path, self._body)
        answer = _OK % (len(body), body)
        if self._service.delay:
            asyncio.get_running_loop().call_later(self._service.delay, self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)
