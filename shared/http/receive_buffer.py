"""The receive buffer of a connection: splits it strictly into heads and bodies, one request at a time. Pure."""

import re
from typing import Final

from shared.http.request_body import Body, ChunkedBody, SizedBody
from shared.http.strict_head import MAX_HEAD_BYTES, Head, check_partial_head, read_head

HIGH_WATER: Final = 64 * 1024
"""Bytes that wait to be taken; with more, no more are to be read for a while."""

_NO_BODY: Final = SizedBody(0)
_empty_lines: Final = re.compile(rb"(?:\r\n){1,4}").match
"""More of them before a request are none that an honest client sends by mistake."""


class ReceiveBuffer:
    """Bytes of one connection that nobody has taken yet."""

    __slots__ = ("_body", "_held", "_searched")

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0
        self._body: Body = _NO_BODY

    def __len__(self) -> int:
        """How many bytes wait."""
        return len(self._held)

    @property
    def is_body_complete(self) -> bool:
        """Whether the body of the last request has been taken to its end."""
        return self._body.is_complete

    def add(self, data: bytes) -> None:
        """More has come."""
        self._held += data

    def take_all(self) -> bytes:
        """Everything that waits, as it came."""
        held, self._held, self._searched = self._held, bytearray(), 0
        return bytes(held)

    def clear(self) -> None:
        """Drop everything: nobody will take it."""
        self._held.clear()

    def skip_empty_lines(self) -> bool:
        """Drop empty lines before a request (RFC 9112 §2.2); returns whether a request has begun to arrive."""
        if (found := _empty_lines(self._held)) is not None:
            del self._held[: found.end()]
        return bytes(self._held[:2]) not in {b"", b"\r"}

    def take_head(self) -> Head | None:
        """The next head, once it has come to its end.

        Raises:
            Refused: it is none that can be taken; nothing after it can.
        """
        held = self._held
        end = held.find(b"\r\n\r\n", self._searched)
        if end < 0:
            check_partial_head(held, self._searched)
            self._searched = max(0, len(held) - 3)
            return None
        self._searched = 0
        head = read_head(bytes(held[: min(end + 4, MAX_HEAD_BYTES + 1)]))
        del held[: end + 4]
        self._body = ChunkedBody() if head.chunked else SizedBody(head.length)
        return head

    def take_body(self) -> bytes:
        """What there is of the body, in the form in which it is passed on; nothing when more has to come."""
        return self._body.take(self._held)
