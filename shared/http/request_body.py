"""Request bodies, of a known length or in chunks, taken exactly to their end (RFC 9112 §6 and §7.1). Pure."""

import re
from collections.abc import Callable
from typing import Final

_MAX_STEPS: Final = 384
"""So many steps (three a chunk) are gone at once: a client that sends each byte for itself must not hold the loop."""
_MAX_SIZE_LINE: Final = 256
_match_size: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?").fullmatch
_MALFORMED: Final = b"malformed\r\n"
"""What no reader of chunks can take for the size of one."""


_Step = Callable[[bytearray, list[bytes]], bool]
"""Takes one thing off what is held, adds data to the pieces, and tells whether there may be more to take."""


class SizedBody:
    """A body of a known length, in bytes."""

    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        self._left = length

    @property
    def is_complete(self) -> bool:
        """Whether all of it has been taken."""
        return not self._left

    def take(self, held: bytearray) -> bytes:
        """Take what there is of it off ``held``, in the form in which it is passed on."""
        data = bytes(held[: self._left])
        del held[: len(data)]
        self._left -= len(data)
        return data


class ChunkedBody:
    """A body in chunks, passed on in fewer and bigger ones, without extensions; trailers are refused.

    What is malformed is passed on as something that no reader takes for a chunk, and nothing after it is a body.
    """

    __slots__ = ("_left", "_take_next", "is_complete", "is_malformed")

    def __init__(self) -> None:
        self.is_complete = False
        self.is_malformed = False
        self._left = 0
        self._take_next: _Step = self._take_size

    def take(self, held: bytearray) -> bytes:
        """Take what there is of it off ``held``, but no more than some chunks at once."""
        if self.is_complete:
            return b""
        if self.is_malformed:
            held.clear()
            return b""
        pieces: list[bytes] = []
        for _ in range(_MAX_STEPS):
            if not self._take_next(held, pieces):
                break
        data = b"".join(pieces)
        passed_on = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        return passed_on + self._end()

    def _end(self) -> bytes:
        if self.is_malformed:
            return _MALFORMED
        return b"0\r\n\r\n" if self.is_complete else b""

    def _take_size(self, held: bytearray, _pieces: list[bytes]) -> bool:
        end = held.find(b"\r\n", 0, _MAX_SIZE_LINE)
        if end < 0:
            self.is_malformed = len(held) >= _MAX_SIZE_LINE or b"\n" in held
            return False
        size = _match_size(bytes(held[:end]))
        if size is None:
            self.is_malformed = True
            return False
        del held[: end + 2]
        self._left = int(size[1], 16)
        self._take_next = self._take_data if self._left else self._take_last_line
        return True

    def _take_data(self, held: bytearray, pieces: list[bytes]) -> bool:
        piece = bytes(held[: self._left])
        del held[: len(piece)]
        pieces.append(piece)
        self._left -= len(piece)
        self._take_next = self._take_data if self._left else self._take_line_end
        return not self._left

    def _take_line_end(self, held: bytearray, _pieces: list[bytes]) -> bool:
        self._take_next = self._take_size
        return self._takes(held, self._take_line_end)

    def _take_last_line(self, held: bytearray, _pieces: list[bytes]) -> bool:
        self.is_complete = self._takes(held, self._take_last_line)
        return False

    def _takes(self, held: bytearray, again: _Step) -> bool:
        """Whether the end of a line has been taken; ``again`` is done when it has not come yet."""
        end = bytes(held[:2])
        if end == b"\r\n":
            del held[:2]
            return True
        self.is_malformed = not b"\r\n".startswith(end)
        self._take_next = again
        return False


Body = SizedBody | ChunkedBody
"""What is left of a body."""
