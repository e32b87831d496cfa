"""A service in this process that answers rightly, or misbehaves as it is drawn."""

import asyncio
import fcntl
import re
import socket
import struct
import termios
from collections.abc import Awaitable, Sequence
from random import Random
from typing import Any, Final

import orjson

from benchmarks.chaos.hostile import truth
from benchmarks.chaos.hostile.asked import ORDERS, USERS, Asked, http, rightly
from benchmarks.chaos.hostile.draw import one_of
from benchmarks.chaos.hostile.failures import Failures
from benchmarks.chaos.hostile.misbehaviour import MISBEHAVIOURS
from benchmarks.chaos.hostile.spells import Weather
from benchmarks.common.ports import LOCAL
from shared.cancellation import cancel_and_wait

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_content_length = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE).search
_GREETING_SHARE: Final = 0.02

Parsed = tuple[bytes, str, bytes]


class Service:
    """Listens on a port of its own until it is closed; how sick it is, the weather says.

    Attributes:
        calls: how often it was asked.
    """

    def __init__(self, name: str, random: Random, weather: Weather, failures: Failures) -> None:
        self.name = name
        self.calls = 0
        self.weather = weather
        self.failures = failures
        self.random = random
        self.choices = [one for one in MISBEHAVIOURS if name in one.services]
        self._server: asyncio.Server | None = None
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Line(self), LOCAL, 0)

    @property
    def url(self) -> str:
        """Where."""
        if self._server is None:
            raise RuntimeError("not open")
        return f"http://{LOCAL}:{self._server.sockets[0].getsockname()[1]}"

    @property
    def sick(self) -> bool:
        """Whether the next answer goes wrong; a draw."""
        return self.random.random() < self.weather.spell.services.get(self.name, 0.0)

    def hang_up(self) -> None:
        """End all connections and everything that is under way."""
        for task in tuple(self._tasks):
            task.cancel()
        for line in tuple(self._lines):
            line.reset()

    async def close(self) -> None:
        """Listen no more."""
        self.hang_up()
        if self._server is not None:
            self._server.close()
        await cancel_and_wait(*self._tasks)

    def do(self, work: Awaitable[None]) -> None:
        """Have it done beside."""
        task = asyncio.ensure_future(self._do(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, work: Awaitable[None]) -> None:
        try:
            await work
        except ConnectionError:
            pass
        except Exception as error:  # noqa: BLE001 - else nobody would hear of it
            self.failures.add("a fault of this benchmark", repr(error))

    def came(self, line: "_Line") -> None:
        """A connection; now and then it is greeted with an answer to nothing."""
        self._lines.add(line)
        if self.sick and self.random.random() < _GREETING_SHARE:
            asked = self._asked([], "200 OK", None, line)
            self._note("an answer before any request", asked)
            line.write(http(asked.of_another()))

    def went(self, line: "_Line") -> None:
        """A connection has ended."""
        self._lines.discard(line)

    async def answer(self, request: Parsed, line: "_Line") -> None:
        """One request, rightly or not."""
        self.calls += 1
        method, path, body = request
        if path == "/health":
            line.write(http(b'{"status":"healthy"}'))
            return
        ids, status, document = self._truth(path, body)
        asked = self._asked(ids, status, document, line)
        if any(one.startswith(truth.GHOST) for one in ids):
            self.failures.add(
                "smuggled", f"{self.name} is asked for {ids}", concerns={*ids}, request=method + b" " + path.encode()
            )
        if not self.sick:
            await rightly(asked)
            return
        chosen = one_of(self.choices, self.random)
        self._note(chosen.name, asked)
        await chosen.behave(asked)

    def _asked(self, ids: Sequence[str], status: str, document: Any, line: "_Line") -> Asked:
        own = Random(self.random.getrandbits(32))  # noqa: S311 - nothing here is a secret
        return Asked(self.name, ids, status, document, own, line, self.do)

    def _truth(self, path: str, body: bytes) -> tuple[Sequence[str], str, Any]:
        one = path.rpartition("/")[2]
        if self.name == USERS:
            user = truth.user(one)
            return [one], "404 Not Found" if user is None else "200 OK", user or {"detail": "no such user"}
        if self.name == ORDERS:
            return [one], "200 OK", truth.orders(one)
        ids = orjson.loads(body)["product_ids"]
        if any(map(truth.is_refused, ids)) or len(ids) > 100:
            return ids, "422 Unprocessable Entity", {"detail": "no such id"}
        return ids, "200 OK", [found for found in map(truth.product, ids) if found is not None]

    def _note(self, fault: str, asked: Asked) -> None:
        self.failures.journal.note(f"{self.name}: {fault}", " ".join(asked.ids))


class _Line(asyncio.Protocol):
    """A connection of the gateway: requests are answered one after the other."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._busy = False
        self._can_write = asyncio.Event()
        self._can_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        self._service.came(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._can_write.set()
        self._service.went(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    def write(self, data: bytes) -> None:
        """Send, where there is somebody to send to."""
        if not self.is_closing() and self._transport is not None:
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until what was written has gone."""
        await self._can_write.wait()
        await asyncio.sleep(0)

    def is_closing(self) -> bool:
        """Whether it has ended."""
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """End it with RST."""
        if self._transport is not None and not self._transport.is_closing():
            connection: socket.socket = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._transport.abort()

    def is_silent(self) -> bool:
        """Whether no further request has come, not even one that has not been read yet."""
        if self._busy or self._buffer or self._transport is None or self._transport.is_closing():
            return False
        connection: socket.socket = self._transport.get_extra_info("socket")
        waiting = fcntl.ioctl(connection.fileno(), termios.FIONREAD, bytes(4))
        return waiting == bytes(4)

    def _next(self) -> None:
        if self._busy:
            return
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        found = _content_length(head + b"\r\n")
        length = int(found[1]) if found else 0
        if len(rest) < length:
            return
        method, path, _ = head.split(b" ", 2)
        self._buffer = rest[length:]
        self._busy = True
        self._service.do(self._answer((method, path.decode(), rest[:length])))

    async def _answer(self, request: Parsed) -> None:
        try:
            await self._service.answer(request, self)
        finally:
            self._busy = False
        self._next()
