"""Strips interim (1xx) responses (RFC 9110 §15.2) from what a service sends, and bounds their number. Pure."""

import re
from typing import Final

from shared.errors import BadResponse

MAX_INTERIM: Final = 8
"""So many may come before an answer."""

_HEAD_LIMIT: Final = 8_192
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (?:(1(?!01)\d\d)|101|[2-9]\d\d)(?=[ \r])")
"""How an answer begins, informational or final. 101 is final: nobody asked for another protocol."""
_LONGEST_STATUS: Final = len(b"HTTP/1.1 200 ")
_BEGINNINGS: Final = (b"HTTP/1.1 ", b"HTTP/1.0 ")


class Interim:
    """What stands before one final answer, in whatever pieces it comes."""

    def __init__(self) -> None:
        self._held = b""
        self._count = 0

    def cut(self, data: bytes) -> bytes:
        """The beginning of the final answer, once it is there; until then nothing.

        Raises:
            BadResponse: they are too many, one of them is too long, or what comes is no HTTP/1.
        """
        data, self._held = self._held + data, b""
        start = 0
        while status := _STATUS.match(data, start):
            if status[1] is None:
                return data[start:]
            end = data.find(b"\r\n\r\n", start, start + _HEAD_LIMIT)
            if end < 0:
                return self._hold(data[start:], _HEAD_LIMIT)
            self._count += 1
            if self._count > MAX_INTERIM:
                raise BadResponse(f"more than {MAX_INTERIM} informational answers")
            start = end + 4
        rest = data[start:]
        if not any(rest.startswith(beginning[: len(rest)]) for beginning in _BEGINNINGS):
            raise BadResponse("the answer does not begin like HTTP/1")
        return self._hold(rest, _LONGEST_STATUS)

    def _hold(self, rest: bytes, limit: int) -> bytes:
        if len(rest) >= limit:
            raise BadResponse("the answer does not begin like HTTP/1")
        self._held = rest
        return b""
