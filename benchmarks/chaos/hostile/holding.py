"""Connections with a part of a request, of which the gateway is to let go by itself, in time."""

import asyncio
from typing import Final

from benchmarks.chaos.hostile.failures import Failures
from benchmarks.chaos.hostile.wire import Wire
from shared.cancellation import cancel_and_wait

_LET_GO_SECONDS: Final = 40.0
"""So long the gateway may wait for the rest of a request: its time-outs, and the pauses between two looks at them."""


async def hold(port: int, failures: Failures) -> None:
    """Send a part of a request on each of some connections, and no more: the gateway is to let go of all of them."""
    await asyncio.gather(*(_be_let_go(port, failures, *held) for held in _HELD))


async def _be_let_go(port: int, failures: Failures, kind: str, before: bytes, drip: bytes) -> None:
    started = asyncio.get_running_loop().time()
    try:
        async with Wire(port) as wire, asyncio.timeout(_LET_GO_SECONDS):
            await wire.send(before)
            dripping = asyncio.create_task(_drip(wire, drip))
            try:
                while await wire.reader.read(65_536):
                    pass
            finally:
                await cancel_and_wait(dripping)
    except TimeoutError:
        held = asyncio.get_running_loop().time() - started
        failures.add("not let go", f"{kind}, after {held:.0f} s", request=before)
    except OSError:
        pass


async def _drip(wire: Wire, drip: bytes) -> None:
    while drip:
        await asyncio.sleep(1)
        await wire.send(drip)


_MISS: Final = b"GET /api/profile/nobody-held HTTP/1.1\r\nHost: x\r\n"
_WEBSOCKET: Final = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"
)
_HELD: Final = (
    ("half a line", b"GET /api/prof", b""),
    ("half a line, dripping", b"GET /api/profile/", b"x"),
    ("half a head", _MISS, b""),
    ("half a head, dripping", _MISS, b"X: y\r\n"),
    ("half a body", b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nhello", b""),
    ("half a body, dripping", b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n", b"x"),
    ("half a chunk", b"POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", b""),
    ("half a chunk, dripping", b"POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n", b"x"),
    ("half a line after an upgrade", _MISS + _WEBSOCKET + b"GET /half", b""),
    ("half a line after a whole request", _MISS + b"\r\nGET /half", b""),
    ("half a line after an upgrade, dripping", _MISS + _WEBSOCKET + b"GET /half", b"x"),
)
