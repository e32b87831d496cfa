"""``python -m benchmarks.streams.floor``: a server on ``PORT`` that keeps connections, and sends ready bytes to all.

What a change costs it for each client, kernel and event loop take of every gateway on the same stack.
"""

import asyncio
import os
from typing import Final, cast

import uvloop

from benchmarks.common.ports import LOCAL

_BACKLOG: Final = 4_096
_SLICE: Final = 200
"""So many are sent to in one turn of the loop, as by the gateway."""
_COMPLETE: Final = b"event: complete\n\n"
_KEPT: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(_COMPLETE), _COMPLETE)
_TOLD: Final = b"HTTP/1.1 204 No Content\r\n\r\n"

_kept: Final[list[asyncio.Transport]] = []


class _Connection(asyncio.Protocol):
    """One that is kept after a GET; DELETE ``/bytes/N`` sends all that are kept so many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"DELETE "):
            self._transport.write(_TOLD)
            change = _COMPLETE.rjust(int(data.split()[1].rpartition(b"/")[2]) - 2) + b"\r\n"
            _tell(change, [*_kept])
        else:
            self._transport.write(_KEPT)
            _kept.append(self._transport)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._transport in _kept:
            _kept.remove(self._transport)


def _tell(change: bytes, transports: list[asyncio.Transport]) -> None:
    for transport in transports[:_SLICE]:
        transport.write(change)
    if rest := transports[_SLICE:]:
        asyncio.get_running_loop().call_soon(_tell, change, rest)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(
        _Connection, LOCAL, int(os.environ["PORT"]), backlog=_BACKLOG
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
