"""Pipelined requests (RFC 9112 §9.3.2) are parsed strictly and given to Sanic, one at a time.

The next one does not follow in the same turn of the event loop, so that a client with many requests at once keeps no
others waiting. More of a header or a body gives it no more time (slowloris).
"""

import asyncio
import enum
import time
from functools import partial
from typing import Any, Final

from sanic import Sanic
from sanic.exceptions import RequestCancelled
from sanic.http.constants import Stage
from sanic.server import HttpProtocol

from shared.http.connections import LINGER_SECONDS, shut_down_writing
from shared.http.receive_buffer import HIGH_WATER, ReceiveBuffer
from shared.http.slow_readers import SlowReaderWatch, unread_bytes
from shared.http.strict_head import RejectedRequest
from shared.http.strict_http import StrictHttp

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


class PipelinedProtocol(HttpProtocol):
    """One connection, as Sanic sees it.

    Attributes:
        refused: why nothing that its client sends is taken any more.
    """

    HTTP_CLASS = StrictHttp

    __slots__ = ("_eof", "_idle", "_lingering", "_received", "_response_task", "_slow_reader", "_state", "refused")

    def __init__(self, *, app: Sanic[Any, Any], **options: Any) -> None:
        super().__init__(app=app, **options)
        self._http: StrictHttp | None = None  # there is none before the connection's task has begun
        self._response_task: asyncio.Task[None] | None = None  # makes an answer that Sanic does not
        self._received = ReceiveBuffer()
        self._lingering: asyncio.TimerHandle | None = None
        self._slow_reader = SlowReaderWatch()
        self._state = _State.STARTING
        self._idle = False
        self._eof = False
        self.refused: RejectedRequest | None = None

    @property
    def idle_since(self) -> float | None:
        """Since when it has waited for a request; None while there is something to do."""
        transport = self.transport
        if not self._idle or transport is None or transport.is_closing() or transport.get_write_buffer_size():
            return None
        return self._time

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop what nobody will take, and look for nothing more."""
        if self._lingering is not None:
            self._lingering.cancel()
        self._stop_timeouts()
        self._slow_reader.stop()
        self._received.clear()
        super().connection_lost(exc)  # type: ignore[no-untyped-call]

    def close(self, timeout: float | None = None) -> None:
        """Close the connection; a client that may still be sending can first read its answer."""
        transport = self.transport
        if transport is None:
            return
        may_send = not self._eof and (self.refused is not None or bool(self._received) or self._expects_more())
        if may_send and not transport.is_closing():
            self._refuse(self.refused or RejectedRequest(408))
            self._eof = True
            shut_down_writing(transport)
            self._lingering = self.loop.call_later(LINGER_SECONDS, self.close)
        elif transport.can_write_eof():
            if transport.get_write_buffer_size():
                self._slow_reader.start(transport, self.loop)
            super().close(timeout)
        elif not transport.is_closing():
            self._close_encrypted(transport)

    def close_if_idle(self) -> bool:
        """Close the connection if there is nothing to be answered; tells whether it was closed."""
        if self._state is _State.HEAD:  # nobody has asked for anything yet
            self.close()
            return True
        has_come = self._received or self.recv_buffer  # Sanic's stage tells nothing of what it has yet to look at
        return self._response_task is None and not has_come and bool(super().close_if_idle())

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
        self._idle = not self._received and not self._eof and self._response_task is None
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
                self._idle = not self._eof and not received
                if self._eof:
                    received.clear()
                    self.close()
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

    def _feed(self, data: bytes) -> None:
        if data:
            self.recv_buffer += data
            self._data_received.set()

    def _refuse(self, refused: RejectedRequest) -> None:
        """Ignore further bytes, but notice their end."""
        self.refused = refused
        self._received.clear()
        if self.transport is not None and not self._eof:
            self.transport.resume_reading()

    def _stop_timeouts(self) -> None:
        timer: asyncio.TimerHandle | None = self._callback_check_timeouts
        if timer is not None:
            timer.cancel()

    def _close_encrypted(self, transport: Any) -> None:
        """Close a connection over TLS, whose transport does not tell when all has been sent.

        It would wait for the client's farewell, too, which those who keep idle connections do not send.
        """
        self._stop_timeouts()
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
