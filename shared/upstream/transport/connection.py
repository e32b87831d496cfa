"""One connection to a service, on which an answer belongs to its question.

What a service says while no request is outstanding ends that connection (RFC 9112 §9.2). It is looked for in all that
has been read, and, just before and just after a request is written, in what the kernel holds unread.
"""

import asyncio
import random
import select
from collections.abc import Callable
from typing import Any, Final, cast

from aiohttp.client_proto import ResponseHandler

from shared.deadline import Clock
from shared.errors import BadResponse
from shared.observing.logs import log_deduplicated
from shared.upstream.call import Reply
from shared.upstream.interim import Interim
from shared.upstream.plain_reply import MAX_BYTES, parse_plain

_LEAST_SHARE: Final = 0.8
_MIN_ROUND_TRIP_SECONDS: Final = 25e-6
"""What can be read so soon after the beginning of a write is no answer to it: of 60,000 that a program in C gave on the
same machine none was. After more time, nothing is known."""
_STALE_SECONDS: Final = 0.01
"""A pooled connection that is lost so soon after a write was being closed when the request came."""
_PIECE: Final = 8_192
"""Bytes that are parsed before it is asked whether the answer has ended: nothing behind its end is worth the time."""
_FINAL: Final = (b"HTTP/1.1 2", b"HTTP/1.1 4", b"HTTP/1.1 5")
"""How nearly all answers begin; what begins otherwise is looked at more closely."""


class ServiceConnection(ResponseHandler):
    """One connection: what the service says is an answer only while a request is outstanding (RFC 9112 §9.2)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, seconds: float) -> None:
        """It may be used for ``seconds``, or up to a fifth less, which is until ``old_from``."""
        super().__init__(loop)
        self._clock = clock
        self.old_from = clock() + random.uniform(_LEAST_SHARE, 1.0) * seconds  # noqa: S311 - no secret
        self._write: Callable[[bytes], None] = lambda _data: None
        self._unread: Callable[[int], object] = lambda _milliseconds: None
        self._encrypted = False
        self._outstanding = False
        self._has_received = False
        self._interim: Interim | None = None
        self._sent_at = 0.0
        self.sent = 0
        self.plain: asyncio.Future[Reply | None] = loop.create_future()
        """The answer, if it is a plain one; None as soon as it is known to be another, or none, to be :meth:`read`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One parser and one look at the socket serve the connection for as long as it lives."""
        super().connection_made(transport)
        self.set_response_params(read_until_eof=True, auto_decompress=False)
        readable = select.poll()
        readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._write, self._unread = cast("asyncio.Transport", transport).write, readable.poll
        self._encrypted = transport.get_extra_info("sslcontext") is not None

    def is_idle(self) -> bool:
        """Whether it is open and holds no unread bytes, so that a request may be written."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        # A service may have given session tickets (RFC 8446 §4.6.1) when the handshake was over.
        return (self._encrypted and not self.sent) or not self._unread(0)

    def send(self, written: bytes) -> None:
        """Write a request, to which the next answer belongs.

        Raises:
            BadResponse: something was there sooner than any answer can be.
        """
        self._payload = self._interim = None
        self._has_received, self._outstanding = False, True
        self.plain = self._loop.create_future()
        self.sent += 1
        self._sent_at = self._clock()
        self._write(written)
        if (
            (self.sent > 1 or not self._encrypted)
            and self._is_too_soon()
            and self._unread(0)
            and self._is_too_soon()  # when it had been looked for
        ):
            self._close_unsolicited()
            raise BadResponse("something came before it can have been an answer", at_once=True, is_failure=False)

    def _is_too_soon(self) -> bool:
        return self._clock() - self._sent_at < _MIN_ROUND_TRIP_SECONDS

    def is_reusable(self) -> bool:
        """Whether further requests may be written; that is plain after a plain answer."""
        return not (self._should_close or self._exception or (self._payload is not None and self.should_close))

    def was_stale(self) -> bool:
        """Whether the connection was lost too soon after the request for that to be an answer to it."""
        return self.sent > 1 and not self._has_received and self._clock() - self._sent_at < _STALE_SECONDS

    def data_received(self, data: bytes) -> None:
        """Take what belongs to the outstanding request, and nothing else."""
        if data and not self._outstanding:
            self._close_unsolicited()
            return
        if not self._has_received or self._interim is not None:
            if not self._has_received and len(data) <= MAX_BYTES and (reply := parse_plain(data)) is not None:
                self._has_received, self._outstanding = True, False
                self._set_plain(reply)
                return
            self._has_received = True
            self._set_plain(None)
            if self._interim is not None or not data.startswith(_FINAL):
                data = self._without_interim(data)
                if not data:
                    return
        if len(data) > _PIECE:
            for start in range(0, len(data) - _PIECE, _PIECE):
                self._parse(data[start : start + _PIECE])
                if not self._outstanding:
                    self._close_unsolicited()
                    return
            data = data[start + _PIECE :]
        self._parse(data)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """There is no answer; aiohttp says why only to whoever waits for its own future."""
        super().set_exception(exc, *cause)
        if cause and isinstance(cause[0], Exception) and cause[0] is not exc:
            exc.__cause__ = cause[0]
        self._set_plain(None)

    def _set_plain(self, reply: Reply | None) -> None:
        if not self.plain.done():
            self.plain.set_result(reply)

    def _parse(self, data: bytes) -> None:
        ResponseHandler.data_received(self, data)
        payload = self._payload
        if payload is not None and payload.is_eof() and self._outstanding:
            self._outstanding = False
            if self._parser is not None and _has_more(self._parser):
                self._close_unsolicited()

    def _without_interim(self, data: bytes) -> bytes:
        self._interim = interim = self._interim or Interim()
        try:
            data = interim.cut(data)
        except BadResponse as error:
            self.set_exception(error)
            self._end()
            return b""
        if data:
            self._interim = None
        return data

    def _close_unsolicited(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            peer = str(self.transport.get_extra_info("peername"))
            log_deduplicated("warning", "unsolicited upstream response", "upstream", address=peer)
        self._end()

    def _end(self) -> None:
        self.force_close()
        if self.transport is not None:
            self.transport.close()


def _has_more(parser: Any) -> bool:
    """Whether the beginning of another head came with an answer; the parser keeps it to itself until it is asked."""
    try:
        return parser.feed_eof() is not None
    except Exception:  # noqa: BLE001 - whatever there is to dislike about it, it is there
        return True
