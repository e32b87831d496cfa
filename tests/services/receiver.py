"""An address on a real socket that takes events, or does not: it remembers what it was sent."""

import asyncio
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self


class Receiver:
    """Answers each POST with ``status``; a status of 0 ends the connection instead.

    Attributes:
        heads: of all requests, by name in lower case.
        events: that came with them, taken or not.
        status: of the next answers.
    """

    def __init__(self) -> None:
        self.heads: list[Mapping[str, str]] = []
        self.events: list[Any] = []
        self.status = 202

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
                head = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                self.events.append(json.loads(await reader.readexactly(int(head["content-length"]))))
                self.heads.append({**head, "": first})
                if not self.status:
                    writer.close()
                    return
                writer.write(b"HTTP/1.1 %d Whatever\r\nContent-Length: 0\r\n\r\n" % self.status)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
