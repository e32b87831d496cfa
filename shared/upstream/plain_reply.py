"""A fast parser for plain replies: whole, in one piece, of a stated length, with nothing unusual. Pure.

What is read here means the same to aiohttp's parser. Whatever leaves any doubt (chunks, a field twice, an odd byte,
more or less than one answer) is not read at all, and is for that parser.
"""

import re
from typing import Final

from shared.grammar import TOKEN
from shared.upstream.call import Reply

MAX_BYTES: Final = 64 * 1024
"""Of a longer piece, in bytes, it is not asked whether it is one."""

_match_head: Final = re.compile(
    rb"HTTP/1\.1 ((?!204)[245][0-9]{2})(?: [\t\x20-\x7e]*)?\r\n((?:%b:[\t\x20-\x7e]*\r\n)+)\r\n" % TOKEN
).match
_UNUSUAL: Final = frozenset({"content-encoding", "trailer", "transfer-encoding", "upgrade"})


def parse_plain(data: bytes) -> Reply | None:
    """The answer that ``data`` is, if it is a plain one that leaves its connection open; else None."""
    head = _match_head(data)
    if head is None:
        return None
    status, block = head.groups()
    fields: dict[str, str] = {}
    for line in block[:-2].decode("ascii").split("\r\n"):
        name, _, value = line.partition(":")
        name = name.lower()
        if name in fields or name in _UNUSUAL:
            return None
        fields[name] = value.strip(" \t")
    length = fields.get("content-length", "")
    body = data[head.end() :]
    if not length.isdigit() or len(length) > 7 or int(length) != len(body):
        return None
    if fields.get("connection", "keep-alive").lower() != "keep-alive":
        return None
    return Reply(int(status), fields, body)
