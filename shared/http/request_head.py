"""A fast parser for the heads of plain requests; anything else is left to the strict one.

What is read here means the same to Sanic. Whatever is not plain (a body, an upgrade, a field twice, bytes beyond ASCII,
more than one request) is not read at all: ``shared.http.strict_head`` takes it apart, or refuses it.
"""

import re
from dataclasses import dataclass
from typing import Final

from shared.grammar import HOST, TOKEN

HEAD_LIMIT: Final = 4096
"""Longest head that is read, in bytes; half of what Sanic takes."""

_BLOCK: Final = re.compile(rb"(?:%b:[\t\x20-\x7e]*\r\n)+\r\n" % TOKEN)
_is_host: Final = re.compile(HOST).fullmatch
_DOUBTFUL: Final = frozenset(
    {"content-length", "expect", "http2-settings", "te", "trailer", "transfer-encoding", "upgrade"}
)


@dataclass(frozen=True, slots=True)
class Fields:
    """The header fields that an answer out of memory depends on.

    Attributes:
        block: all fields as they came, the empty line included.
    """

    block: bytes
    if_none_match: str | None
    request_id: str | None
    traceparent: str | None
    tracestate: str | None


def read_fields(block: bytes) -> Fields | None:
    """The fields of a request without a body that leaves its connection open; None for anything else.

    ``block`` is everything after the request line (RFC 9112 §5).
    """
    if len(block) > HEAD_LIMIT or _BLOCK.fullmatch(block) is None:
        return None
    found: dict[str, str] = {}
    for line in block[:-4].decode("ascii").split("\r\n"):
        name, _, value = line.partition(":")
        name = name.lower()
        if name in found or name in _DOUBTFUL:
            return None
        found[name] = value.strip(" \t")
    host = found.get("host")
    if host is None or _is_host(host) is None or found.get("connection", "keep-alive").lower() != "keep-alive":
        return None
    return Fields(
        block,
        found.get("if-none-match"),
        found.get("x-request-id"),
        found.get("traceparent"),
        found.get("tracestate"),
    )
