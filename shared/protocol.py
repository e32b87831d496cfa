"""Sanic's HTTP/1.1 protocol with two things that it lacks: a clock that dribbling cannot wind back, and a drain."""

import asyncio
import time
from socket import socket
from typing import Any, Final

from sanic import Sanic
from sanic.http.constants import Stage
from sanic.server import HttpProtocol

SETTLE_SECONDS: Final = 0.05
"""Between the last connection that may queue up and the end of listening."""
_LOOK_SECONDS: Final = 0.01


class Protocol(HttpProtocol):
    """One connection of a client."""

    def connection_made(self, transport: Any) -> None:
        """Remember where all connections are listed, for :func:`drain`."""
        super().connection_made(transport)  # type: ignore[no-untyped-call]
        self.app.ctx.connections = self.connections

    def data_received(self, data: bytes) -> None:
        """Take what has come; more of a header does not give it more time (slowloris)."""
        http = getattr(self, "_http", None)  # not there before the connection's task has begun
        if http is None or http.stage is not Stage.REQUEST:
            super().data_received(data)
            return
        begun = self._time
        super().data_received(data)
        self._time = begun


def owns(app: Sanic[Any, Any], listening: socket) -> None:
    """Tell ``app`` that nobody else listens on its socket."""
    app.ctx.listening = listening


async def drain(app: Sanic[Any, Any], seconds: float) -> None:
    """Go on serving for up to ``seconds``, as long as there are connections.

    Each answer ends its connection meanwhile, so that clients turn elsewhere instead of being cut off. In the end those
    that wait to be accepted are, and no others: the kernel resets whoever waits while a socket is closed.
    """
    give_up = time.monotonic() + seconds
    while getattr(app.ctx, "connections", None) and time.monotonic() < give_up:  # noqa: ASYNC110 - Sanic tells nobody
        await asyncio.sleep(_LOOK_SECONDS)
    if seconds and getattr(app.ctx, "connections", None) is not None:
        if hasattr(app.ctx, "listening"):
            accept_no_more(app.ctx.listening)
        await asyncio.sleep(SETTLE_SECONDS)


def accept_no_more(listening: socket) -> None:
    """Let no further connection queue up; a client that tries gets no answer, and is refused at its next attempt."""
    listening.listen(0)
