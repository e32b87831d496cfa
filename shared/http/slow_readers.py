"""Disconnects clients that do not read their responses."""

import asyncio
import fcntl
import socket
import struct
import termios
from typing import Final

MIN_BYTES: Final = 4096
CHECK_SECONDS: Final = 5.0
"""Of what waits for it, a client must take :data:`LEAST_BYTES` at least between two checks, or it is disconnected."""

_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)


class SlowReaderWatch:
    """Watches a connection while more waits to be sent on it than it has room for."""

    __slots__ = ("_last", "_timer")

    def __init__(self) -> None:
        self._last = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, transport: asyncio.WriteTransport, loop: asyncio.AbstractEventLoop) -> None:
        """Begin."""
        self.stop()
        self._last = unread_bytes(transport)
        self._timer = loop.call_later(CHECK_SECONDS, self._check, transport, loop)

    def stop(self) -> None:
        """All is well again, or over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self, transport: asyncio.WriteTransport, loop: asyncio.AbstractEventLoop) -> None:
        if self._last - unread_bytes(transport) < MIN_BYTES:
            self._timer = None
            transport.abort()
        else:
            self.start(transport, loop)


def unread_bytes(transport: asyncio.WriteTransport) -> int:
    """Bytes that wait in this process, and in the kernel, which takes and gives them in big pieces."""
    own = transport.get_extra_info("socket")
    waiting = transport.get_write_buffer_size()
    if own is None or own.fileno() < 0:
        return waiting
    (in_kernel,) = struct.unpack("i", fcntl.ioctl(own.fileno(), termios.TIOCOUTQ, bytes(4)))
    return waiting + int(in_kernel)


def hold_back(transport: asyncio.WriteTransport, limit: int) -> None:
    """Let the kernel take no more than ``limit`` bytes that it cannot send yet: what waits here can become another.

    Of its own accord it takes megabytes (TCP_NOTSENT_LOWAT, tcp(7)).
    """
    own = transport.get_extra_info("socket")
    if own is not None and own.fileno() >= 0 and own.family in _INTERNET:
        lent = socket.socket(fileno=own.fileno())
        try:
            lent.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, limit)
        finally:
            lent.detach()
