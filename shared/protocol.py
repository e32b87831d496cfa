"""Sanic's HTTP/1.1 protocol with what it lacks: a clock that dribbling cannot wind back, early answers, and a drain."""

import asyncio
import time
from socket import socket
from typing import Any, Final

from sanic import Sanic
from sanic.http import Http
from sanic.http.constants import Stage
from sanic.server import HttpProtocol

from shared.early import EarlyAnswers, Make
from shared.request_head import HEAD_LIMIT, Fields

SETTLE_SECONDS: Final = 0.05
"""Between the last connection that may queue up and the end of listening."""
_LOOK_SECONDS: Final = 0.01


class Protocol(HttpProtocol):
    """One connection of a client."""

    __slots__ = ("_early", "_held", "_making", "fields")

    def __init__(self, *, app: Sanic[Any, Any], **options: Any) -> None:
        super().__init__(app=app, **options)
        self._http: Http | None = None  # there is none before the connection's task has begun
        self._early: EarlyAnswers | None = getattr(app.ctx, "early", None)
        self._making: asyncio.Task[None] | None = None
        self._held = bytearray()
        self.fields: Fields | None = None

    def connection_made(self, transport: Any) -> None:
        """Remember where all connections are listed, for :func:`drain`."""
        super().connection_made(transport)  # type: ignore[no-untyped-call]
        self.app.ctx.connections = self.connections

    def connection_lost(self, exc: Exception | None) -> None:
        """End what was being made for nobody else than the client who has left."""
        if self._making is not None:
            self._making.cancel()
        super().connection_lost(exc)  # type: ignore[no-untyped-call]

    def close_if_idle(self) -> bool:
        """Close the connection if there is nothing to be answered; tells whether it was closed."""
        return self._making is None and bool(super().close_if_idle())

    def data_received(self, data: bytes) -> None:
        """Take what has come, or keep it while an answer is being made."""
        if self._making is None:
            self._take(data)
        else:
            self._held += data
            if len(self._held) >= HEAD_LIMIT and self.transport is not None:
                self.transport.pause_reading()

    def _take(self, data: bytes) -> None:
        """More of a header does not give it more time (slowloris)."""
        http = self._http
        if http is not None and http.stage is Stage.REQUEST:
            begun = self._time
            super().data_received(data)
            self._time = begun
        elif http is None or not self._answer_early(http, data):
            super().data_received(data)

    def _answer_early(self, http: Http, data: bytes) -> bool:
        early, transport = self._early, self.transport
        if early is None or transport is None or transport.is_closing():
            return False
        # While Sanic still holds a request, the rest of its body may be on its way, although it has been answered.
        at_rest = http.stage is Stage.IDLE and getattr(http, "request", http) is None and not self.recv_buffer
        answer = early.answer(data, self) if at_rest and self._can_write.is_set() else None
        if answer is None:
            return False
        self._time = time.monotonic()
        if isinstance(answer, bytes):
            early.send(transport, answer)
        else:
            self._making = self.loop.create_task(self._give_when_made(answer, early))
        return True

    async def _give_when_made(self, make: Make, early: EarlyAnswers) -> None:
        try:
            made = await make()
        finally:
            self._making = None
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        self._time = time.monotonic()
        transport.write(made)
        if not early.is_open:
            self.close()
            return
        transport.resume_reading()
        if self._held:
            held, self._held = bytes(self._held), bytearray()
            self._take(held)


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
