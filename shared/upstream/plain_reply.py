"""A fast parser for plain replies: whole, in one piece, of a stated length, with nothing unusual. Pure.

What is read here means the same to aiohttp's parser. Whatever leaves any doubt (chunks, a field twice, an odd byte,
more or less than one answer) is not read at all, and is for that parser.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from shared.grammar import TOKEN
from shared.upstream.call import Reply

MAX_BYTES: Final = 64 * 1024
"""Of a longer piece, in bytes, it is not asked whether it is one."""

_MAX_HEAD_BYTES: Final = 8_190
"""That parser refuses a longer line, and more than 128 fields."""
_REMEMBERED_BYTES: Final = 1_024
_MAX_HEADS: Final = 1_000
"""Of so many heads it is remembered what they say: those of a second differ in the length of a body at most."""
_match_head: Final = re.compile(
    rb"HTTP/1\.1 ((?!204)[245][0-9]{2})(?: [\t\x20-\x7e]*)?\r\n((?:%b:[\t\x20-\x7e]*\r\n){1,128})\r\n" % TOKEN
).fullmatch
_UNUSUAL: Final = frozenset(
    {"content-encoding", "proxy-connection", "sec-websocket-key1", "trailer", "transfer-encoding", "upgrade"}
)


_heads: Final[dict[bytes, "_Head"]] = {}


class _Head(NamedTuple):
    """What the head of a plain answer says; ``length`` is that of the body."""

    status: int
    fields: Mapping[str, str]
    length: int


def parse_plain(data: bytes) -> Reply | None:
    """The answer that ``data`` is, if it is a plain one that leaves its connection open; else None."""
    end = data.find(b"\r\n\r\n") + 4
    written = data[:end]
    head = _heads.get(written) or _parse_head(written)
    if head is None or len(data) - end != head.length:
        return None
    return Reply(head.status, head.fields, data[end:])


def _parse_head(written: bytes) -> _Head | None:
    match = _match_head(written)
    if match is None or len(written) > _MAX_HEAD_BYTES:
        return None
    status, block = match.groups()
    fields: dict[str, str] = {}
    for line in block[:-2].decode("ascii").split("\r\n"):
        name, _, value = line.partition(":")
        name = name.lower()
        if name in fields or name in _UNUSUAL:
            return None
        fields[name] = value.strip(" \t")
    length = fields.get("content-length", "")
    if not length.isdigit() or len(length) > 7 or fields.get("connection", "keep-alive").lower() != "keep-alive":
        return None
    head = _Head(int(status), fields, int(length))
    if len(written) <= _REMEMBERED_BYTES:
        if len(_heads) >= _MAX_HEADS:
            _heads.clear()
        _heads[written] = head
    return head
