"""The network between the gateway and one server, which can be slow, broken, silent or lie."""

import asyncio
import enum
import re
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any, Final

from benchmarks.chaos.refusal import Refusal
from benchmarks.common.place import HERE, Place
from benchmarks.common.ports import free_port
from shared.cancellation import cancel_and_wait

_CHUNK: Final = 65_536
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_is_call = re.compile(rb"[A-Z]+ /(?!health)").match


class Mode(enum.Enum):
    """What becomes of what the gateway sends."""

    PASS = enum.auto()
    """It arrives, after ``Proxy.usual`` seconds."""
    SLOW = enum.auto()
    """It arrives after ``Proxy.delay`` seconds."""
    RESET = enum.auto()
    """Connections are reset (RST), those there are and those to come."""
    ERROR = enum.auto()
    """Every request is answered with an error, and none arrives."""
    HANG = enum.auto()
    """It is swallowed."""


class Proxy:
    """Listens for the server on port ``target`` of its place; while closed, connections are refused.

    Attributes:
        port: where it listens.
        refusal: makes what answers in the place of the server, for each connection.
        usual: seconds until it arrives where nothing is wrong.
        delay: seconds, of the slow mode.
        calls: how many requests of HTTP have come, but for those about the health of the server.
    """

    def __init__(
        self, target: int, refusal: Callable[[], Refusal], delay: float, *, place: Place = HERE, port: int | None = None
    ) -> None:
        """It is in ``place`` too; without a ``port`` it has a free one."""
        self.port = port or free_port()
        self.refusal = refusal
        self.usual = 0.0
        self.delay = delay
        self.calls = 0
        self._target = target
        self._place = place
        self._mode = Mode.PASS
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, sock=self._place.listen(self.port))

    def close(self) -> None:
        """Refuse connections from now on; those there are live on as long as the server does."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def end(self) -> None:
        """Refuse connections from now on, and reset those there are."""
        self.close()
        for link in tuple(self._links):
            link.reset()

    def turn(self, mode: Mode) -> None:
        """Behave like this from now on."""
        self._mode = mode
        if mode is Mode.RESET:
            for link in tuple(self._links):
                link.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer)
        self._links.add(link)
        try:
            far_reader, link.far = await self._place.connect(self._target)
            if self._mode is Mode.RESET:
                link.reset()
            await _either(self._pass_requests(reader, link), _pass_answers(far_reader, writer))
        except OSError:
            link.reset()
        finally:
            link.close()
            self._links.discard(link)

    async def _pass_requests(self, reader: asyncio.StreamReader, link: "_Link") -> None:
        loop = asyncio.get_running_loop()
        refuse: Refusal | None = None
        due = 0.0
        while data := await reader.read(_CHUNK):
            self.calls += _is_call(data) is not None
            match self._mode:
                case Mode.ERROR:
                    refuse = refuse or self.refusal()
                    answer = refuse(data)
                    if answer is None:  # it began before the fault did
                        link.reset()
                        return
                    link.near.write(answer)
                case Mode.HANG:
                    continue
                case Mode.RESET:
                    link.reset()
                    return
                case mode:
                    # What was sent before must not be overtaken when the delay is over.
                    due = max(due + 1e-6, loop.time() + (self.delay if mode is Mode.SLOW else self.usual))
                    if due > loop.time() + 1e-3:
                        loop.call_at(due, link.send, data)
                    else:
                        link.send(data)


class _Link:
    """A connection of the gateway and, once it is there, the one that continues it."""

    def __init__(self, near: asyncio.StreamWriter) -> None:
        self.near = near
        self.far: asyncio.StreamWriter | None = None

    def send(self, data: bytes) -> None:
        """Pass on what the gateway has sent."""
        if self.far is not None and not self.far.is_closing():
            self.far.write(data)

    def reset(self) -> None:
        """End it with RST."""
        own: socket.socket | None = self.near.get_extra_info("socket")
        if own is not None and not self.near.is_closing():
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.near.transport.abort()
        self.close()

    def close(self) -> None:
        """End it."""
        self.near.close()
        if self.far is not None:
            self.far.close()


async def _pass_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)


async def _either(*ways: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await cancel_and_wait(*tasks)
