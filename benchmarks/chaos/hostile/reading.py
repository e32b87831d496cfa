"""Answers as they come on a connection, read to the letter: whatever is not HTTP/1.1 as RFC 9112 has it, is broken."""

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from benchmarks.common.coding import decoded

LIMIT: Final = 8 * 1024 * 1024
"""Bytes of one line or body that are read at most."""

_status_line = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\x20-\x7e]*").fullmatch
_field = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\t\x80-\xff]*)").fullmatch
_size = re.compile(rb"[0-9]{1,9}").fullmatch
_chunk_size = re.compile(rb"([0-9A-Fa-f]{1,7})(?:;.*)?").fullmatch


class Broken(Exception):
    """What came is no answer; the text says why, ``data`` is what there is of it."""

    def __init__(self, why: str, data: bytes = b"") -> None:
        self.data = data
        super().__init__(why)


@dataclass(frozen=True)
class Received:
    """One answer: ``head`` as it came, the headers by lower-case name, the body without its coding."""

    status: int
    head: bytes
    headers: dict[str, str]
    body: bytes

    @property
    def ends(self) -> bool:
        """Whether the server says that it is the last one on its connection."""
        return self.headers.get("connection", "").lower() == "close"


async def hear(reader: asyncio.StreamReader, method: str = "GET") -> Received | None:
    """The next answer, to a request of this ``method``; None when the connection ends before one begins.

    Raises:
        Broken: what comes is no answer, or half of one.
    """
    while True:
        heard = await _receive(reader, method)
        if heard is None or heard.status >= 200 or heard.status == 101:
            return heard


async def _receive(reader: asyncio.StreamReader, method: str) -> Received | None:
    head = b""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        status, headers = _read_head(head)
        body = b""
        if method != "HEAD" and status >= 200 and status not in {204, 304}:
            body = decoded(await _read_body(reader, headers), headers)
    except asyncio.IncompleteReadError as error:
        if not head and not error.partial:
            return None
        raise Broken("it broke off", head + error.partial) from error
    except asyncio.LimitOverrunError as error:
        raise Broken("a head without end", head) from error
    except ConnectionError as error:
        if not head:
            return None
        raise Broken("it broke off", head) from error
    except ValueError as error:
        raise Broken(str(error), head) from error
    return Received(status, head, headers, body)


def _read_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head[:-4].split(b"\r\n")
    status = _status_line(first)
    if status is None:
        raise ValueError("no status line")
    headers: dict[str, str] = {}
    for line in lines:
        found = _field(line)
        if found is None:
            raise ValueError(f"no header field: {line[:80]!r}")
        name = found[1].decode().lower()
        if name in headers and name in {"content-length", "transfer-encoding", "etag", "age", "content-type", "date"}:
            raise ValueError(f"{name} more than once")
        headers[name] = found[2].decode("latin-1")
    if "content-length" in headers and "transfer-encoding" in headers:
        raise ValueError("a length and a transfer coding")
    return int(status[1]), headers


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        if headers["transfer-encoding"] != "chunked":
            raise ValueError("an unknown transfer coding")
        return await _read_chunks(reader)
    length = headers.get("content-length", "")
    if _size(length.encode()) is None or int(length) > LIMIT:
        raise ValueError(f"no sensible length: {length!r}")
    return await reader.readexactly(int(length))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        size = _chunk_size((await reader.readuntil(b"\r\n"))[:-2])
        if size is None or len(body) + int(size[1], 16) > LIMIT:
            raise ValueError("no chunk size")
        body += await reader.readexactly(int(size[1], 16))
        if await reader.readexactly(2) != b"\r\n":
            raise ValueError("a chunk that does not end")
        if not int(size[1], 16):
            return bytes(body)
