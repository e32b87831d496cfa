"""Requests that no honest client sends, a line each. In every one a second request is hidden, or might be."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from benchmarks.chaos.hostile import truth

_HIDDEN: Final = f"GET /api/profile/{truth.GHOST}%d HTTP/1.1\r\nHost: x\r\nX-Request-ID: smuggled-%d\r\n\r\n".encode()
_LINE: Final = b"GET /api/profile/user1 HTTP/1.1\r\n"
_POST: Final = b"POST /api/events HTTP/1.1\r\n"
_CHUNKS: Final = b"0\r\n\r\n"


def _with(*fields: bytes, line: bytes = _LINE, body: bytes = b"") -> bytes:
    return line + b"\r\n".join((b"Host: x", *fields, b"", b"")) + body


DOUBTFUL: Final[Sequence[bytes]] = (
    # White space and control characters where none may be (RFC 9112 §5.1, §5.2, RFC 9110 §5.5).
    *(_with(field) for field in (
        b"X : y", b"X\t: y", b"Content-Length : 5", b"Transfer-Encoding : chunked", b"Transfer-Encoding:\x0bchunked",
        b"X: a\x00b", b"X: a\x0bb", b"X: a\rb", b"X: a\nb", b"X: y\nTransfer-Encoding: chunked",
        b"X: y\rContent-Length: 5",
        b": y", b"no colon", b"X: y\r\n folded", b"X: y\r\n\tTransfer-Encoding: chunked", b" X: y", b"X\x00: y",
        b"X(: y",
    )),
    # Lengths (RFC 9112 §6.3).
    *(_with(*fields, line=line) for line in (_LINE, _POST) for fields in (
        (b"Content-Length: +5",), (b"Content-Length: -1",), (b"Content-Length: 0x5",), (b"Content-Length: 5 5",),
        (b"Content-Length: 5, 6",), (b"Content-Length: 5", b"Content-Length: 6"), (b"Content-Length: 1_0",),
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"), (b"Transfer-Encoding: chunked", b"Content-Length: 0"),
        (b"Content-Length: \xb2",), (b"Content-Length: ",),
    )),
    # Codings (RFC 9112 §6.1).
    *(_with(b"Transfer-Encoding: " + coding, line=_POST, body=_CHUNKS) for coding in (
        b"gzip", b"gzip, chunked", b"chunked, gzip", b"identity", b"xchunked", b"chunked, chunked", b"\"chunked\"", b"",
    )),
    _with(b"Transfer-Encoding: chunked", line=b"POST /api/events HTTP/1.0\r\n", body=_CHUNKS),
    # Host (RFC 9112 §3.2).
    _LINE + b"X: y\r\n\r\n", _with(b"Host: y"), _LINE + b"Host: a b\r\n\r\n", _LINE + b"Host: x/y\r\n\r\n",
    _LINE + b"Host: a@b\r\n\r\n",
)  # fmt: skip
"""Each is refused: 400, and no more is read from the connection."""

DOUBTFUL_BODIES: Final[Sequence[bytes]] = tuple(
    # RFC 9112 §7.1.
    _with(b"Transfer-Encoding: chunked", line=_POST, body=body) for body in (
        b"zz\r\n", b"-1\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"5 \r\nhelloXX0\r\n\r\n", b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n", b"\r\n0\r\n\r\n", b"5\nhello\n0\n\n",
        b"ffffffffffffffffff\r\nx",
    )
)  # fmt: skip
"""Each is refused too, by whoever comes first: there may be nothing that takes it."""

ODD: Final[Sequence[bytes]] = (
    b"GET /api/profile/user2 HTTP/1.0\r\n\r\n", b"GET /api/profile/user2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET /api/profile/user2 HTTP/1.2\r\nHost: x\r\n\r\n", b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", b"GET /\r\n\r\n",
    b"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", b"GET http://x?a=b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://x/api/profile/user3 HTTP/1.1\r\nHost: y\r\n\r\n",
    b"GET //x/api/profile/user3 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /api/profile/%75ser4 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /api/profile/user4%0d%0aX:y HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /api/profile/\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /" + b"x" * 12_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", _with(b"X-Big: " + b"x" * 20_000),
    _with(*[b"A: b"] * 500),
    _with(b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: eA=="),
    _with(b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
    _with(b"If-None-Match: *"), _with(b"If-None-Match: W/\"a\"", b"If-None-Match: W/\"b\""),
    _with(b"If-None-Match: ,,\",\""),
    _with(b"Range: bytes=0-1"), _with(b"Expect: 100-continue"), _with(b"Expect: odd"), _with(b"Connection: close, te"),
    _with(b"X-Request-ID: a b"), _with(b"X-Request-ID: " + b"x" * 500), _with(b"traceparent: odd"),
    _with(b"Accept: odd/type"),
    _with(b"Content-Length: 5", line=_POST, body=b"hello"), _with(b"Content-Length: 99999999999", line=_POST,
    body=b"hello"),
    _with(b"Transfer-Encoding: chunked", line=_POST, body=b"5\r\nhello\r\n0\r\n\r\n"),
    _with(b"Authorization: Bearer", line=b"DELETE /api/cache HTTP/1.1\r\n"),
    _with(b"Authorization: Bearer \xff", line=b"DELETE /api/cache HTTP/1.1\r\n"),
)  # fmt: skip
"""What each of these gets is not said here; only that it is readable, and no fault of the gateway's."""

_CHANGES: Final[Sequence[Callable[[bytearray, int, Random], None]]] = (
    lambda data, place, dice: data.__setitem__(place, dice.randrange(256)),
    lambda data, place, dice: data.__setitem__(
        slice(place, place), dice.choice((b"\r", b"\n", b"\0", b" ", b":", b"\xff"))
    ),
    lambda data, place, dice: data.__delitem__(slice(place, place + dice.randint(1, 8))),
    lambda data, place, dice: data.__setitem__(slice(place, place), data[place : place + dice.randint(1, 8)]),
)


def hidden(dice: Random) -> bytes:
    """A request that must not be answered, whatever it stands in."""
    return _HIDDEN % (dice.randrange(10**6), dice.randrange(10**6))


def mutated(dice: Random) -> bytes:
    """A request with a few bytes changed."""
    data = bytearray(dice.choice((*ODD, _with(b"Accept: */*", b"Content-Length: 0"))))
    for _ in range(dice.randint(1, 3)):
        if data:
            dice.choice(_CHANGES)(data, dice.randrange(len(data)), dice)
    return bytes(data)
