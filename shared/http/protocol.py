"""A client's connection: what comes is answered early, or handed to Sanic in turn, and streams have it to themselves.

A client that does not read is disconnected. One that sends no more may still read all its answers; one that leaves
resets the connection.
"""

import asyncio
import time
from typing import Any, ClassVar, Final

from sanic import Sanic
from sanic.models.server_types import ConnInfo

from shared.http.connections import Connections
from shared.http.early_answers import EarlyAnswers, Respond
from shared.http.pipelining import PipelinedProtocol
from shared.http.receive_buffer import HIGH_WATER
from shared.http.request_head import Fields
from shared.http.slow_readers import hold_back
from shared.http.streams.live import BEHIND_BYTES, LiveStream
from shared.http.strict_head import RejectedRequest
from shared.observing import metrics

_NOBODY_WAITS: Final = asyncio.Event()
"""In the place of what tells tasks that they may go on, where there is none: an event takes a kilobyte."""


class Protocol(PipelinedProtocol):
    """One connection of a client.

    Attributes:
        operations: whether it came through the port for operations.
        fields: those of its last early request: most clients send the same ones again.
        peer: the address of the other end; "" where that is a socket in the file system.
    """

    operations: ClassVar[bool] = False

    __slots__ = ("_early", "_stream", "fields", "peer")

    def __init__(self, *, app: Sanic[Any, Any], **options: Any) -> None:
        super().__init__(app=app, **options)
        self._early: EarlyAnswers | None = getattr(app.ctx, "early", None)
        self._stream: LiveStream | None = None
        self.fields: Fields | None = None
        self.peer = ""

    def connection_made(self, transport: Any) -> None:
        """Begin, unless there are too many; remember where all connections are listed."""
        peername = transport.get_extra_info("peername")
        self.peer = str(peername[0]) if isinstance(peername, tuple) else ""
        limit: Connections = self.app.ctx.limit
        if limit.has_room(self.connections):
            super().connection_made(transport)  # type: ignore[no-untyped-call]
            self.app.ctx.connections = self.connections
            self._idle = True  # most first requests come before Sanic is ready, and do not need it
            metrics.connections.inc()
        else:
            self.transport, self.conn_info = transport, ConnInfo(transport)
            self.refused = RejectedRequest(503)
            limit.refuse(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End what was being made for nobody else than the client who has left."""
        if self in self.connections:
            metrics.connections.dec()
        elif self.transport is not None:
            limit: Connections = self.app.ctx.limit
            limit.closed(self.transport)
        if self._response_task is not None:
            self.loop.call_soon(self._response_task.cancel)  # not before it has begun, or nobody would count it
        if self._stream is not None:
            self._stream.lost()
            self._stream = None
        super().connection_lost(exc)

    def close(self, timeout: float | None = None) -> None:
        """Close the connection, but for one that a stream has to itself: that closes it."""
        if self._stream is None:
            super().close(timeout)

    def hand_over(self, stream: LiveStream) -> None:
        """Let ``stream`` have the connection to itself: nothing else will be asked on it."""
        if not self._can_write.is_set():
            stream.pause()
        self._stream = stream
        self._can_write = self._data_received = _NOBODY_WAITS
        self.recv_buffer = bytearray()
        self._received.clear()
        self._slow_reader.stop()
        self._stop_timeouts()
        self._callback_check_timeouts = None
        transport = self.transport
        if transport is not None:
            transport.set_write_buffer_limits(BEHIND_BYTES, 0)
            hold_back(transport, BEHIND_BYTES)
            transport.resume_reading()
            if self._eof:  # whoever sends no more has left, or cannot be told from one who has
                self.loop.call_soon(transport.close)

    def release(self) -> None:
        """The stream has ended: close when its client has read all of it."""
        self._stream = None
        self._can_write, self._data_received = asyncio.Event(), asyncio.Event()
        self._can_write.set()
        self.close()

    def pause_writing(self) -> None:
        """More waits to be sent than there is room for: see to it that it is read."""
        if self._stream is not None:
            self._stream.pause()
            return
        super().pause_writing()  # type: ignore[no-untyped-call]
        if self.transport is not None:
            self._slow_reader.start(self.transport, self.loop)

    def resume_writing(self) -> None:
        """Most of it has been read."""
        if self._stream is not None:
            self._stream.resume()
            return
        super().resume_writing()  # type: ignore[no-untyped-call]
        if self.transport is None or not self.transport.is_closing():
            self._slow_reader.stop()

    def data_received(self, data: bytes) -> None:
        """Answer what has come at once if it can be, or take it apart in its turn."""
        if not (self._idle and self._answer_early(data)) and self.refused is None:
            self._received.add(data)
            if self._stream is None:
                self._idle = False
                self._feed_sanic()
            if len(self._received) >= HIGH_WATER and self.transport is not None:
                if self._stream is None:
                    self.transport.pause_reading()
                else:  # who was told that a stream is all there will be sends on and on
                    self.transport.abort()

    def eof_received(self) -> bool:
        """The client sends no more; it stays until it has its answers, but not when it has left off in the middle.

        Over TLS it leaves at once: asyncio closes such a connection both ways, and waits for no answer.
        """
        self._eof = True
        if self.refused is not None or self._stream is not None:  # who has a stream of his own, and leaves, leaves
            return False
        self.loop.call_soon(self._feed_sanic)
        return self.transport is not None and bool(self.transport.can_write_eof())

    def _answer_early(self, data: bytes) -> bool:
        early, transport = self._early, self.transport
        if early is None or transport is None or transport.is_closing() or not self._can_write.is_set():
            return False
        answer = early.answer(data, self)
        if answer is None:
            return False
        self._time = time.monotonic()
        if isinstance(answer, tuple):
            early.send(transport, answer)
        else:
            self._idle = False
            self._response_task = self.loop.create_task(self._send_when_ready(answer, early))
        return True

    async def _send_when_ready(self, make: Respond, early: EarlyAnswers) -> None:
        try:
            made = await make()
        finally:
            self._response_task = None
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        self._time = time.monotonic()
        transport.writelines(made)
        if not early.is_open:
            self.close()
            return
        if len(self._received) < HIGH_WATER:
            transport.resume_reading()
        self._idle = not self._eof
        if self._received:
            self.data_received(self._received.take_all())
        elif self._eof:
            self.close()


class OperationsProtocol(Protocol):
    """One connection of somebody who runs this."""

    operations: ClassVar[bool] = True

    __slots__ = ()
