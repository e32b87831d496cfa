"""What a server says that answers everything with an error, in HTTP and in Redis' protocol (RESP)."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

Refusal = Callable[[bytes], bytes | None]
"""Takes what a client has sent since the last call and gives what it gets; None when that is not the protocol."""

_ANSWER: Final = "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
_LOADING: Final = b"-LOADING Redis is loading the dataset in memory\r\n"

_is_request = re.compile(rb"[A-Z]+ /").match
_content_length = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE).search
_array_head = re.compile(rb"\*([0-9]+)\r\n").match
_string_head = re.compile(rb"\$([0-9]+)\r\n").match


def refuse_http(status: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE) -> Refusal:
    """This status for each request of one connection."""
    kept = b""
    answer = _ANSWER.format(status.value, status.phrase).encode()

    def refuse(data: bytes) -> bytes | None:
        nonlocal kept
        kept += data
        answers = b""
        while kept:
            if not _is_request(kept):
                return None
            head, end, body = kept.partition(b"\r\n\r\n")
            found = _content_length(head)
            length = int(found[1]) if found else 0
            if not end or len(body) < length:
                break
            kept = body[length:]
            answers += answer
        return answers

    return refuse


def refuse_redis() -> Refusal:
    """An error for each command of one connection."""
    kept = b""

    def refuse(data: bytes) -> bytes | None:
        nonlocal kept
        kept += data
        answers = b""
        while kept:
            if not kept.startswith(b"*"):
                return None
            end = _command_end(kept)
            if end is None:
                break
            kept = kept[end:]
            answers += _LOADING
        return answers

    return refuse


def _command_end(data: bytes) -> int | None:
    head = _array_head(data)
    if head is None:
        return None
    end = head.end()
    for _ in range(int(head[1])):
        word = _string_head(data[end : end + 16])
        if word is None:
            return None
        end += word.end() + int(word[1]) + len(b"\r\n")
    return end if end <= len(data) else None
