"""An answer as its bytes come: whether it is whole, the right one, and a hit."""

import re
from typing import Final

_HEAD_END: Final = b"\r\n\r\n"
_length = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def is_whole(data: bytes) -> bool:
    """Whether there is nothing more to come.

    Raises:
        ValueError: this is no answer of which that can be told.
    """
    end = data.find(_HEAD_END)
    if end < 0:
        return False
    length = _length.search(data, 0, end + 2)
    if length is None:
        raise ValueError("an answer without Content-Length")
    return len(data) >= end + len(_HEAD_END) + int(length[1])


def is_right(data: bytes, user_id: bytes) -> bool:
    """Whether it is the complete profile of that user."""
    return data.startswith(b"HTTP/1.1 200 ") and user_id in data and b'"partial":false' in data


def is_hit(data: bytes) -> bool:
    """Whether it came from the cache, as ``Cache-Status`` has it (RFC 9211)."""
    return data.find(b"; hit", 0, data.find(_HEAD_END)) > 0
