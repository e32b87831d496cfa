"""One more process that Redis tells of changes, which only counts what it is told."""

import asyncio
import contextlib
from types import TracebackType
from typing import Final, Self

from benchmarks.common.ports import LOCAL
from shared.cancellation import cancel_and_wait

PREFIX: Final = b"bff:"
_SUBSCRIBE: Final = b"HELLO 3\r\nCLIENT TRACKING ON BCAST PREFIX " + PREFIX + b"\r\nPING\r\n"


class Listener:
    """Connected to the redis-server on ``port`` inside the context.

    Attributes:
        keys: of how many it has been told, and in how many ``bytes``.
    """

    def __init__(self, port: int) -> None:
        self.keys = 0
        self.bytes = 0
        self._port = port
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Subscribe."""
        reader, writer = await asyncio.open_connection(LOCAL, self._port)
        writer.write(_SUBSCRIBE)
        await reader.readuntil(b"+PONG\r\n")
        self._listening = asyncio.create_task(self._listen(reader, writer))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Listen no longer."""
        if self._listening is not None:
            await cancel_and_wait(self._listening)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = b""
        with contextlib.closing(writer):
            while data := await reader.read(65_536):
                self.bytes += len(data)
                self.keys += (end + data).count(PREFIX)
                end = data[1 - len(PREFIX) :]
