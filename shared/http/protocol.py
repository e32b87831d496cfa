"""A client's connection: bytes are parsed strictly, and requests answered early or handed to Sanic, in turn.

Sanic gets one request at a time, and the next one not in the same turn of the event loop, so that a client with many
requests at once keeps no others waiting. More of a header or a body gives it no more time (slowloris), and a client
that does not read is disconnected. A client that sends no more may still read all its answers; one that leaves resets
the connection.
"""

import asyncio
import enum
import time
from functools import partial
from typing import Any, ClassVar, Final

from sanic import Sanic
from sanic.exceptions import RequestCancelled
from sanic.http.constants import Stage
from sanic.models.server_types import ConnInfo
from sanic.server import HttpProtocol

from shared.http.connections import LINGER_SECONDS, Connections, shut_down_writing
from shared.http.early_answers import EarlyAnswers, Respond
from shared.http.receive_buffer import HIGH_WATER, ReceiveBuffer
from shared.http.request_head import Fields
from shared.http.slow_readers import SlowReaderWatch, hold_back, unread_bytes
from shared.http.streams.live import BEHIND_BYTES, LiveStream
from shared.http.strict_head import RejectedRequest
from shared.http.strict_http import StrictHttp
from shared.observing import metrics

_NOBODY_WAITS: Final = asyncio.Event()
"""In the place of what tells tasks that they may go on, where there is none: an event takes a kilobyte."""
_SENT_SECONDS: Final = 0.05
"""Between two looks at whether a client of a connection that is being closed has got everything."""


class _State(enum.Enum):
    """What Sanic is at."""

    STARTING = enum.auto()
    IDLE = enum.auto()
    """All that it was given is answered."""
    HEAD = enum.auto()
    """It waits for the end of a head that has begun to come."""
    REQUEST = enum.auto()
    """It has the head of a request, and may wait for the rest of the body."""


class Protocol(HttpProtocol):
    """One connection of a client.

    Attributes:
        operations: whether it came through the port for operations.
        fields: those of its last early request: most clients send the same ones again.
        peer: the address of the other end; "" where that is a socket in the file system.
        refused: why nothing that it sends is taken any more.
    """

    HTTP_CLASS = StrictHttp
    operations: ClassVar[bool] = False

    __slots__ = (
        "_early",
        "_eof",
        "_idle",
        "_lingering",
        "_received",
        "_response_task",
        "_slow_reader",
        "_state",
        "_stream",
        "fields",
        "peer",
        "refused",
    )

    def __init__(self, *, app: Sanic[Any, Any], **options: Any) -> None:
        super().__init__(app=app, **options)
        self._http: StrictHttp | None = None  # there is none before the connection's task has begun
        self._early: EarlyAnswers | None = getattr(app.ctx, "early", None)
        self._response_task: asyncio.Task[None] | None = None
        self._received = ReceiveBuffer()
        self._lingering: asyncio.TimerHandle | None = None
        self._slow_reader = SlowReaderWatch()
        self._state = _State.STARTING
        self._stream: LiveStream | None = None
        self._idle = False
        self._eof = False
        self.fields: Fields | None = None
        self.peer = ""
        self.refused: RejectedRequest | None = None

    @property
    def idle_since(self) -> float | None:
        """Since when it has waited for a request; None while there is something to do."""
        transport = self.transport
        if not self._idle or transport is None or transport.is_closing() or transport.get_write_buffer_size():
            return None
        return self._time

    def connection_made(self, transport: Any) -> None:
        """Begin, unless there are too many; remember where all connections are listed."""
        self.peer = _address_of(transport)
        limit: Connections = self.app.ctx.limit
        if limit.has_room(self.connections):
            super().connection_made(transport)  # type: ignore[no-untyped-call]
            self.app.ctx.connections = self.connections
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
        for timer in (self._lingering, self._callback_check_timeouts):
            if timer is not None:
                timer.cancel()
        self._slow_reader.stop()
        self._received.clear()
        if self._stream is not None:
            self._stream.lost()
            self._stream = None
        super().connection_lost(exc)  # type: ignore[no-untyped-call]

    def close(self, timeout: float | None = None) -> None:
        """Close the connection; a client that may still be sending can first read its answer.

        One that a stream has to itself is closed by that.
        """
        if self._stream is not None:
            return
        transport = self.transport
        may_send = not self._eof and (self.refused is not None or bool(self._received) or self._expects_more())
        if transport is None or transport.is_closing() or not may_send:
            if transport is not None and not transport.can_write_eof():
                self._close_encrypted(transport)
                return
            if transport is not None and transport.get_write_buffer_size():
                self._slow_reader.start(transport, self.loop)
            super().close(timeout)
            return
        self._refuse(self.refused or RejectedRequest(408))
        self._eof = True
        shut_down_writing(transport)
        self._lingering = self.loop.call_later(LINGER_SECONDS, self.close)

    def close_if_idle(self) -> bool:
        """Close the connection if there is nothing to be answered; tells whether it was closed."""
        if self._state is _State.HEAD:  # nobody has asked for anything yet
            self.close()
            return True
        return self._response_task is None and not self._received and bool(super().close_if_idle())

    def hand_over(self, stream: LiveStream) -> None:
        """Let ``stream`` have the connection to itself: nothing else will be asked on it."""
        if not self._can_write.is_set():
            stream.pause()
        self._stream = stream
        self._can_write = self._data_received = _NOBODY_WAITS
        self.recv_buffer = bytearray()
        self._received.clear()
        self._slow_reader.stop()
        timer: asyncio.TimerHandle | None = self._callback_check_timeouts
        if timer is not None:
            timer.cancel()
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

    def end_after_answer(self) -> None:
        """Let the answer that is being made by way of Sanic, if one is, be the last one."""
        if self._http is not None and self._http.stage is Stage.HANDLER:
            self._http.keep_alive = False

    def check_timeouts(self) -> None:
        """Let go who does not send the rest of a body that nobody waits for any more."""
        http = self._http
        if (
            http is not None
            and http.stage is Stage.IDLE
            and not self._received.is_body_complete
            and time.monotonic() - self._time > self.request_timeout
        ):
            self.close()
        else:
            super().check_timeouts()  # type: ignore[no-untyped-call]

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
            if self._stream is not None:
                self._ignore(data)
                return
            self._idle = False
            self._received.add(data)
            self._feed_sanic()
            if len(self._received) >= HIGH_WATER and self.transport is not None:
                self.transport.pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more; it stays until it has its answers, but not when it has left off in the middle.

        Over TLS it leaves at once: asyncio closes such a connection both ways, and waits for no answer.
        """
        self._eof = True
        if self.refused is not None or self._stream is not None:  # who has a stream of his own, and leaves, leaves
            return False
        self.loop.call_soon(self._feed_sanic)
        return self.transport is not None and bool(self.transport.can_write_eof())

    async def receive_more(self) -> None:
        """Wait until Sanic can be given more.

        Raises:
            RequestCancelled: nothing comes any more.
        """
        if self.conn_info is None or self.conn_info.lost:
            raise RequestCancelled
        self._data_received.clear()
        if self.transport is not None and len(self._received) < HIGH_WATER:
            self.transport.resume_reading()
        if self._received or self._eof:
            self.loop.call_soon(self._feed_sanic)
        await self._data_received.wait()

    def on_idle(self) -> None:
        """All that Sanic was given is answered: the next request may come."""
        self._state = _State.IDLE
        self._idle = not self._received and not self._eof
        if not self._idle:
            self.loop.call_soon(self._feed_sanic)

    def _expects_more(self) -> bool:
        """Whether what has been taken so far is the beginning of a request."""
        return self._state is _State.HEAD or (self._state is _State.REQUEST and not self._received.is_body_complete)

    def _feed_sanic(self) -> None:
        """Give Sanic what it may have by now: that a request begins, its head, what there is of its body."""
        received = self._received
        if self._response_task is not None or self._http is None or self.refused is not None:
            return
        if self._state is _State.IDLE:
            if not received.skip_empty_lines():
                self._become_idle()
                return
            self._state = _State.HEAD
            self._time = time.monotonic()
            self._data_received.set()
        if self._state is _State.HEAD:
            try:
                head = received.take_head()
            except RejectedRequest as refused:
                self._refuse(RejectedRequest(refused.status, refused.target))  # without its frames
                self._data_received.set()
                return
            if head is not None:
                self._state = _State.REQUEST
                self._feed(head.data)
        if self._state is _State.REQUEST and not received.is_body_complete and len(self.recv_buffer) < HIGH_WATER:
            self._feed(received.take_body())
        if self._eof and self._expects_more() and not self._data_received.is_set() and self.transport is not None:
            self._slow_reader.start(self.transport, self.loop)
            self.transport.close()  # the client has left in the middle

    def _close_encrypted(self, transport: Any) -> None:
        """Close a connection over TLS, whose transport does not tell when all has been sent.

        It would wait for the client's farewell, too, which those who keep idle connections do not send.
        """
        if not transport.is_closing():
            timer: asyncio.TimerHandle | None = self._callback_check_timeouts
            if timer is not None:
                timer.cancel()
            transport.close()
            self._slow_reader.start(transport, self.loop)
            self._disconnect_when_sent(transport)

    def _disconnect_when_sent(self, transport: Any, *, was_sent: bool = False) -> None:
        is_sent = not unread_bytes(transport)
        if is_sent and was_sent:
            transport.abort()
        else:  # what has just left the kernel may leave room for more
            again = partial(self._disconnect_when_sent, transport, was_sent=is_sent)
            self._lingering = self.loop.call_later(_SENT_SECONDS, again)

    def _ignore(self, data: bytes) -> None:
        """Who was told that a stream is all there will be can ask for nothing more; who sends on and on is let go."""
        self._received.add(data)
        if len(self._received) >= HIGH_WATER and self.transport is not None:
            self.transport.abort()

    def _become_idle(self) -> None:
        self._idle = not self._eof and not self._received
        if self._eof:
            self._received.clear()
            self.close()

    def _refuse(self, refused: RejectedRequest) -> None:
        """Ignore further bytes, but notice their end."""
        self.refused = refused
        self._received.clear()
        if self.transport is not None and not self._eof:
            self.transport.resume_reading()

    def _feed(self, data: bytes) -> None:
        if data:
            self.recv_buffer += data
            self._data_received.set()

    def _answer_early(self, data: bytes) -> bool:
        early, transport = self._early, self.transport
        if early is None or transport is None or transport.is_closing() or not self._can_write.is_set():
            return False
        answer = early.answer(data, self)
        if answer is None:
            return False
        self._time = time.monotonic()
        if isinstance(answer, bytes):
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
        transport.write(made)
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


def _address_of(transport: asyncio.BaseTransport) -> str:
    peername = transport.get_extra_info("peername")
    return str(peername[0]) if isinstance(peername, tuple) else ""
