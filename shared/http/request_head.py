"""A fast parser for the heads of plain requests; anything else is left to the strict one.

What is read here means the same to Sanic. Whatever is not plain (a body, an upgrade, a field twice, bytes beyond ASCII,
more than one request, a stream that is asked for) is not read at all: ``shared.http.strict_head`` takes it apart, or
refuses it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

from shared.edge.caller import Caller
from shared.grammar import HOST, TOKEN
from shared.http.streams.accept import may_want_stream
from shared.observing.tracing import Trace, begin_trace

_BLOCK: Final = re.compile(rb"(?:%b:[\t\x20-\x7e]*\r\n)+\r\n" % TOKEN)
_is_host: Final = re.compile(HOST).fullmatch
_DOUBTFUL: Final = frozenset(
    {"content-length", "expect", "http2-settings", "te", "trailer", "transfer-encoding", "upgrade"}
)


@dataclass(slots=True)
class Fields:
    """The header fields of a request that it depends on how it is answered; None where one is absent.

    Attributes:
        block: all fields as they came, the empty line included; empty where they came by way of Sanic.
        caller: who asks by them, as far as that was decided.
    """

    block: bytes
    if_none_match: str | None = None
    request_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    authorization: str | None = None
    accept_encoding: str | None = None
    origin: str | None = None
    x_forwarded_for: str | None = None
    forwarded: str | None = None
    caller: Caller | None = field(default=None, compare=False)

    @classmethod
    def of(cls, block: bytes, get: Callable[[str], str | None]) -> Self:
        """Those that ``get`` finds by their names in lower case."""
        return cls(
            block,
            get("if-none-match"),
            get("x-request-id"),
            get("traceparent"),
            get("tracestate"),
            get("authorization"),
            get("accept-encoding"),
            get("origin"),
            get("x-forwarded-for"),
            get("forwarded"),
        )

    def trace(self, *, is_trusted: bool) -> Trace:
        """The identity of a request with these fields, or one of its own where what they say is not taken over."""
        if not is_trusted:
            return begin_trace(None, None, None)
        return begin_trace(self.request_id, self.traceparent, self.tracestate)


def read_fields(block: bytes) -> Fields | None:
    """The fields of a request without a body that leaves its connection open; None for anything else.

    ``block`` is everything after the request line (RFC 9112 §5).
    """
    if _BLOCK.fullmatch(block) is None:
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
    if may_want_stream(found.get("accept", "")):
        return None
    return Fields.of(block, found.get)
