"""``python -m benchmarks.speed.floors.raw``: a protocol on uvloop that sends bytes made beforehand, whatever comes."""

import asyncio
import os
from typing import Final, cast

import uvloop

from benchmarks.common import people
from benchmarks.common.ports import LOCAL

_HEAD: Final = (
    'HTTP/1.1 200 OK\r\nETag: W/"35ffc29f0722a01ec0e18adf"\r\nCache-Control: private, max-age=300\r\n'
    "Vary: Accept, Accept-Encoding\r\nDate: Sat, 14 Mar 2026 09:26:53 GMT\r\nX-Content-Type-Options: nosniff\r\n"
    f"X-Request-ID: {'5' * 32}\r\ntraceparent: 00-{'7' * 32}-{'b' * 16}-01\r\nCache-Status: memory; hit; ttl=299\r\n"
    "Age: 1\r\nServer-Timing: total;dur=0.012\r\ncontent-length: {length}\r\nconnection: keep-alive\r\n"
    "content-type: application/json\r\n\r\n"
)
"""As long as the gateway's."""
_BACKLOG: Final = 4096


class _Connection(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast("asyncio.Transport", transport).write  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - it is a question
        self._write(self._answer)


async def _serve() -> None:
    """Answer on ``PORT`` with the profile of ``USER_ID`` until SIGTERM."""
    body = people.profile(os.environ.get("USER_ID", "user1"))
    answer = _HEAD.format(length=len(body)).encode() + body
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answer), LOCAL, int(os.environ["PORT"]), backlog=_BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
