"""A connection to the gateway, for those who are honest and for those who are not."""

import asyncio
import contextlib
import socket
import struct
from types import TracebackType
from typing import Final, Self

from benchmarks.chaos.hostile.reading import LIMIT, Received, hear
from benchmarks.common.ports import LOCAL

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Wire:
    """Open inside the context and gone after it, or from :meth:`open` to :meth:`end`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.sent = b""
        self.uses = 0

    async def open(self) -> Self:
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection(LOCAL, self._port, limit=LIMIT)
        return self

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Be gone, without waiting for anything."""
        self.writer.transport.abort()

    async def send(self, data: bytes) -> None:
        """Send, and wait until most of it has gone; a server that is gone already is found when it is read from."""
        self.sent = data
        with contextlib.suppress(ConnectionError):
            if not self.writer.is_closing():
                self.writer.write(data)
            await self.writer.drain()

    async def hear(self, seconds: float, method: str = "GET") -> Received | None:
        """The next answer; None when the connection ends instead.

        Raises:
            TimeoutError: nothing comes for so many ``seconds``.
            Broken: what comes is no answer.
        """
        async with asyncio.timeout(seconds):
            return await hear(self.reader, method)

    def shut_down_writing(self) -> None:
        """Half-close."""
        with contextlib.suppress(OSError):
            self.writer.write_eof()

    def reset(self) -> None:
        """End with RST."""
        connection: socket.socket = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.end()

    async def rest(self, seconds: float) -> bytes:
        """All that comes until the server ends the connection.

        Raises:
            TimeoutError: it does not within so many ``seconds``.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self.reader.read(LIMIT)
        except ConnectionError:
            return b""
