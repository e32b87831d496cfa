"""A client as browsers and libraries are one: connections kept alive, and one retry where there was no answer at all.

The retry has a connection of its own: what ended one that was kept may have ended the others, unread as yet.

RFC 9110 §9.2.2 lets a client repeat an idempotent request whose connection ended before any of the answer came.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self

from benchmarks.common.coding import decoded
from benchmarks.common.ports import LOCAL

_ATTEMPTS: Final = 2
_USES_MOST: Final = 25
_WITHOUT_BODY: Final = (204, 304)


class NoAnswer(Exception):
    """The connection ended before the answer began, at the retry as well."""


class BrokenAnswer(Exception):
    """The answer broke off, or was no HTTP."""


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers by lower-case name, body, and how many bytes all that was."""

    status: int
    headers: dict[str, str]
    body: bytes
    size: int

    @property
    def content(self) -> bytes:
        """The body without its coding.

        Raises:
            ValueError: it has another one than that which it is said to have.
        """
        return decoded(self.body, self.headers)


@dataclass(eq=False)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    left: int
    """So often it may be used."""

    def is_usable(self) -> bool:
        return self.left > 0 and not self.reader.at_eof() and not self.writer.is_closing()


@dataclass
class Client:
    """Any number of connections to a server; whoever waited longest is used next. They end with the context, if any.

    Attributes:
        port: where it listens.
        host: its address.
        uses: so often a connection is used; then the next one may meet another worker. With 1 none is kept, and a
            request whose connection ended is not sent again.
    """

    port: int
    host: str = LOCAL
    uses: int = _USES_MOST
    _idle: deque[_Connection] = field(default_factory=deque)
    _open: set[_Connection] = field(default_factory=set)

    async def get(self, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> Answer:
        """The answer to a GET with these headers.

        Raises:
            NoAnswer: at the retry as well.
            BrokenAnswer: half an answer came.
        """
        return await self.ask("GET", path, headers)

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] = MappingProxyType({}), body: bytes = b""
    ) -> Answer:
        """The answer to a request that may be made twice: of an idempotent method, or with a key that makes it so.

        Raises:
            NoAnswer: at the retry as well.
            BrokenAnswer: half an answer came.
        """
        sent = _request(method, path, headers, body)
        for attempt in range(_ATTEMPTS if self.uses > 1 else 1):
            connection: _Connection | None = None
            try:
                connection = await self._connection() if attempt == 0 else await self._connect()
                return await self._ask(connection, sent)
            except (ConnectionError, EOFError, asyncio.LimitOverrunError) as error:
                if getattr(error, "partial", b""):
                    raise BrokenAnswer("the answer broke off") from error
            finally:
                self._put_back(connection)
        raise NoAnswer("the connection ended without an answer")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all connections."""
        for connection in tuple(self._open):
            connection.left = 0
            connection.writer.transport.abort()

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.popleft()
            if connection.is_usable():
                return connection
            self._discard(connection)
        return await self._connect()

    async def _connect(self) -> _Connection:
        connection = _Connection(*await asyncio.open_connection(self.host, self.port), self.uses)
        self._open.add(connection)
        return connection

    async def _ask(self, connection: _Connection, sent: bytes) -> Answer:
        left, connection.left = connection.left, 0  # until the answer is whole
        connection.writer.write(sent)
        head = await connection.reader.readuntil(b"\r\n\r\n")
        try:
            first, *lines = head.decode("latin-1").strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
            status = int(first.split(" ")[1])
            body = await connection.reader.readexactly(0 if status in _WITHOUT_BODY else int(headers["content-length"]))
            answer = Answer(status, headers, body, len(head) + len(body))
        except (OSError, EOFError, ValueError, LookupError) as error:
            raise BrokenAnswer("the answer broke off, or is no HTTP") from error
        if headers.get("connection", "").lower() != "close":
            connection.left = left - 1
        return answer

    def _put_back(self, connection: _Connection | None) -> None:
        if connection is None:
            return
        if connection.is_usable():
            self._idle.append(connection)
        else:
            self._discard(connection)

    def _discard(self, connection: _Connection) -> None:
        connection.writer.transport.abort()
        self._open.discard(connection)


def _request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    length = {"Content-Length": str(len(body))} if body else {}
    fields = "".join(f"{name}: {value}\r\n" for name, value in {**headers, **length}.items())
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode() + body
