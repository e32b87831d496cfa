"""A bound on the size of RESP replies; pure: bytes are shown to it before they are parsed.

hiredis makes room for all elements of an array as soon as it has read their number, and waits for a string of any
length. What is out of all proportion is refused before it sees it. To know a header from text in a value, the bytes are
followed from header to header; only where that can matter: in bytes that hold the first one of such a header, and in
those that come after half an answer. (https://redis.io/docs/latest/develop/reference/protocol-spec/)
"""

import re
from typing import Final

from redis.exceptions import InvalidResponse

MAX_ELEMENTS: Final = 500_000
"""In an array; hiredis itself takes nine inside each other. News of more keys cost a new connection, and no more."""
MAX_BYTES: Final = 64 * 1024 * 1024
"""In a string."""
_MAX_LINE: Final = 64 * 1024
_MAX_DIGITS: Final = 24
_SHORT: Final = 1024
_ARRAY: Final = 0x2A  # *
_SET: Final = 0x7E  # ~
_PUSH: Final = 0x3E  # >
_MAP: Final = 0x25  # %
_ATTRIBUTE: Final = 0x7C  # |
_EACH: Final = {_ARRAY: 1, _SET: 1, _PUSH: 1, _MAP: 2, _ATTRIBUTE: 2}
"""How many elements there are for each that is announced."""
_SIZED: Final = frozenset(b"$=!")
_many: Final = re.compile(rb"[*~>%|]\d{6}").search


class ReplyTooLarge(InvalidResponse):
    """Redis announces more than any answer to us can hold."""


class ReplyBounds:
    """What is known of the bytes of one connection."""

    _unfollowed = b""  # the last bytes, if they began with a header and it has not mattered where they ended
    _skip = 0  # bytes still to come of a string
    _line = b""  # the beginning of a header
    _ended = True  # with the end of a line, which is that of something if hiredis has nothing left to look at

    def check(self, data: bytes, begun: bool) -> None:
        """Look at the bytes that have come; ``begun`` tells whether the reader has some left of something incomplete.

        Raises:
            InvalidResponse: they must not be read.
        """
        if begun or not self._ended:
            self._follow(self._unfollowed)
            self._unfollowed = b""
            self._follow(data)
        elif (
            # To look for a number in bytes is five times as quick as for a byte.
            _ARRAY in data or _PUSH in data or _MAP in data or _SET in data or _ATTRIBUTE in data
        ) and (len(data) > _SHORT or _many(data)):
            self._unfollowed = b""
            self._follow(data)
        else:
            self._unfollowed = data
        self._ended = data[-1:] == b"\n"

    def _follow(self, data: bytes) -> None:
        if self._skip >= len(data):
            self._skip -= len(data)
            return
        data, place = self._line + data, self._skip
        self._skip, self._line = 0, b""
        while place < len(data):
            end = data.find(b"\r\n", place)
            if end < 0:
                self._line = data[place:]
                if len(self._line) > _MAX_LINE:
                    raise ReplyTooLarge("a line without end")
                return
            kind = data[place]
            if kind in _EACH:
                elements = _number(data[place + 1 : end]) * _EACH[kind]
                if elements > MAX_ELEMENTS:
                    raise ReplyTooLarge(f"an answer of {elements} elements")
            elif kind in _SIZED:
                length = _number(data[place + 1 : end])
                if length > MAX_BYTES:
                    raise ReplyTooLarge(f"a string of {length} bytes")
                end += length + 2 if length >= 0 else 0
            place = end + 2
        self._skip = place - len(data)


def _number(digits: bytes) -> int:
    if len(digits) > _MAX_DIGITS:
        raise InvalidResponse("a number without end")
    try:
        return int(digits)
    except ValueError as error:
        raise InvalidResponse("no number where one should be") from error
