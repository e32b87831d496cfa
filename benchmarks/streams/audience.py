"""Clients of streams that keep nothing but a count: as many as one wants, and when the last of them was told."""

import asyncio
import socket
from collections.abc import Iterable, Iterator, Sequence
from time import perf_counter
from types import TracebackType
from typing import Final, Self, cast

from benchmarks.common.ports import LOCAL
from benchmarks.common.process import CannotRun

_CHUNK_END: Final = b"\n\n\r\n"
_OK: Final = b"HTTP/1.1 200 "
_COMPLETE: Final = b"event: complete\n"
_ASK: Final = "GET {}?live=true HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
_AT_ONCE: Final = 32
_PATIENCE_SECONDS: Final = 30.0
_NARROW_BYTES: Final = 4_096


class Audience:
    """Those who look; gone at the end of the context.

    Attributes:
        mark: what a change that is awaited has in it.
        last_size: bytes of the last such change, for whoever has read it last.
    """

    def __init__(self, port: int) -> None:
        self.members: list[Reader] = []
        self.mark = _COMPLETE
        self.last_size = 0
        self._port = port
        self._missing: set[Reader] = set()
        self._told: asyncio.Future[float] | None = None

    async def __aenter__(self) -> Self:
        """Nobody is there yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """All leave."""
        for member in self.members:
            member.leave()

    async def join(self, paths: Iterable[str], *, narrow: bool = False) -> None:
        """Let a client more look at each of these, and wait until all know everything.

        Of what is sent to a ``narrow`` one the kernel takes little before it is read.

        Raises:
            CannotRun: one of them is refused.
        """
        waiting = iter(paths)
        await asyncio.gather(*(self._join_on(waiting, narrow=narrow) for _ in range(_AT_ONCE)))

    async def turn_over(self, members: int) -> None:
        """Let so many leave who have been here longest, and others come for the same."""
        leaving, self.members = self.members[:members], self.members[members:]
        for member in leaving:
            member.leave()
        await self.join([member.path for member in leaving])

    def expect(self, mark: bytes, members: Iterable["Reader"]) -> "asyncio.Future[float]":
        """When the last of ``members`` has read a change with ``mark`` in it, by ``perf_counter``."""
        self.mark, self._missing = mark, set(members)
        self._told = asyncio.get_running_loop().create_future()
        return self._told

    async def told(self, coming: "asyncio.Future[float]") -> float:
        """That instant, when it has come.

        Raises:
            CannotRun: it does not.
        """
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await coming
        except TimeoutError:
            raise CannotRun(f"{len(self._missing)} clients are not told of a change.") from None

    def note(self, member: "Reader", size: int) -> None:
        """One has read the mark, in so many bytes."""
        self.last_size = size
        self._missing.discard(member)
        if not self._missing and self._told is not None and not self._told.done():
            self._told.set_result(perf_counter())

    async def _join_on(self, paths: Iterator[str], *, narrow: bool) -> None:
        for path in paths:
            await self._join_one(Reader(self, path), narrow=narrow)

    async def _join_one(self, member: "Reader", *, narrow: bool) -> None:
        self.members.append(member)
        own = socket.socket()
        own.setblocking(False)
        if narrow:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _NARROW_BYTES)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(own, (LOCAL, self._port))
        await loop.create_connection(lambda: member, sock=own)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await member.known
        except TimeoutError:
            raise CannotRun(f"A stream of {member.path} does not tell everything.") from None


class Reader(asyncio.Protocol):
    """One client of a live stream; ``known`` is done when it has read all there is at first."""

    def __init__(self, audience: Audience, path: str) -> None:
        self.path = path
        self.bytes = 0
        self.known: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._audience = audience
        self._transport: asyncio.Transport | None = None
        self._is_answered = False
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._transport.write(_ASK.format(self.path).encode())

    def data_received(self, data: bytes) -> None:
        """Look for what is awaited in all that came since the last whole chunk."""
        self.bytes += len(data)
        self._unread += data
        if not self._unread.endswith(_CHUNK_END):
            if not self._is_answered and not _OK.startswith(self._unread[: len(_OK)]):
                self.leave(f"is refused: {self._unread[:80]!r}")
            return
        read, self._unread, self._is_answered = self._unread, b"", True
        if not self.known.done() and _COMPLETE in read:
            self.known.set_result(None)
        if self._audience.mark in read:
            self._audience.note(self, len(read))

    def connection_lost(self, _error: Exception | None) -> None:
        """What was not told by now never will be."""
        self._transport = None
        self.leave("ends before it has told everything")

    @property
    def is_there(self) -> bool:
        """Whether the stream is open."""
        return self._transport is not None

    def sleep(self) -> None:
        """Read nothing from now on."""
        if self._transport is not None:
            self._transport.pause_reading()

    def wake(self) -> None:
        """Read again."""
        if self._transport is not None:
            self._transport.resume_reading()

    def leave(self, why: str = "was left") -> None:
        """End the connection."""
        if not self.known.done():
            self.known.set_exception(CannotRun(f"A stream of {self.path} {why}."))
            self.known.exception()  # nobody may wait for it any more
        if self._transport is not None:
            self._transport.abort()


def there(members: Sequence[Reader]) -> int:
    """How many of them have their streams still."""
    return sum(member.is_there for member in members)
