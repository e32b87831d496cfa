"""Which answers of services are read without a parser, and that they mean then what the parser takes them for."""

import asyncio

import pytest
from aiohttp import hdrs
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpResponseParser
from hypothesis import given
from hypothesis import strategies as st
from multidict import istr

from shared.upstream.call import Reply
from shared.upstream.plain_reply import parse_plain

_KNOWN = [str(name) for name in vars(hdrs).values() if isinstance(name, istr)]


def answer(*fields: str, body: bytes = b"{}", status: str = "200 OK") -> bytes:
    """An answer in bytes."""
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode("latin-1") + body


def test_what_is_read() -> None:
    """Names in lower case, values without the blanks round them."""
    data = answer("Content-Type:  application/json \t", "CONTENT-LENGTH: 2", "X:", status="404")
    fields = {"content-type": "application/json", "content-length": "2", "x": ""}
    assert parse_plain(data) == Reply(404, fields, b"{}")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        answer("Content-Length: 2")[:-1],
        answer("Content-Length: 2") + b"x",
        answer("Content-Length: 2") * 2,
        answer("Content-Length: 2") + b"\r\n",
        answer("X: y"),
        answer("Content-Length: 2", "Content-Length: 2"),
        answer("Content-Length: 2", "X: y", "x: z"),
        answer("Content-Length: +2"),
        answer("Content-Length: 2 2"),
        answer("Content-Length: 0x2"),
        answer("Content-Length: \u00b2"),
        answer("Content-Length : 2"),
        answer(" Content-Length: 2"),
        answer("Content-Length: 2", " folded"),
        answer("Content-Length: 2", "X: \x00"),
        answer("Content-Length: 2", "X: \x7f"),
        answer("Content-Length: 2", "X: é"),
        answer("Content-Length: 2", "X: a\rb"),
        answer("Content-Length: 2", "X: a\nb"),
        answer("Content-Length: 2", "Transfer-Encoding: chunked"),
        answer("Content-Length: 2", "Content-Encoding: identity"),
        answer("Content-Length: 2", "Connection: close"),
        answer("Content-Length: 2", "Upgrade: h2c"),
        answer("Content-Length: 2", "Proxy-Connection: close"),
        answer("Content-Length: 2", *(f"X{number}: y" for number in range(128))),
        answer("Content-Length: 2", "X: " + 8_190 * "y"),
        answer("Content-Length: 2", status="200 " + 8_190 * "y"),
        *(
            answer("Content-Length: 2", status=status)
            for status in ("204 None", "101 S", "100 C", "304 N", "600 X", "20")
        ),
        b"HTTP/1.0" + answer("Content-Length: 2")[8:],
        b"HTTP/1.1\t" + answer("Content-Length: 2")[9:],
        b"\r\n" + answer("Content-Length: 2"),
    ],
)
def test_what_leaves_a_doubt_is_not_read(data: bytes) -> None:
    """It is the parser's to judge."""
    assert parse_plain(data) is None


_NAMES = st.sampled_from(["Content-Length", "Connection", "X", "x", "Transfer-Encoding", "Date", "a b", "Content-Type"])
_VALUES = st.one_of(
    st.sampled_from(["2", "3", "02", "close", "keep-alive", "chunked", "identity", "", "a\r\nX: b"]),
    st.text(st.characters(max_codepoint=255), max_size=8),
)
_FIELDS = st.lists(st.builds("{}:{}{}".format, _NAMES, st.sampled_from(["", " ", "\t"]), _VALUES), max_size=4)


@given(
    _FIELDS,
    st.sampled_from(["200 OK", "404 Not Found", "503", "204 No", "299 \t!", "200  "]),
    st.sampled_from([b"{}", b"", b"abc", b"{}\r\n"]),
)
def test_whatever_is_read_is_what_the_parser_reads(fields: list[str], status: str, body: bytes) -> None:
    """One answer, with its status, its fields and its body, after which the connection is of use."""
    data = answer("Content-Length: 2", *fields, body=body, status=status)
    reply = parse_plain(data)
    if reply is not None:
        asyncio.run(_compare(data, reply), debug=False)


@pytest.mark.parametrize("name", sorted({*_KNOWN, "Proxy-Connection"}))
def test_no_field_that_the_parser_knows_means_something_else(name: str) -> None:
    """Whatever its value is; where it does to the parser, it is the parser's to judge."""
    for value in ("", "close", "x", "2", "upgrade"):
        data = answer("Content-Length: 2", f"{name}: {value}")
        if (reply := parse_plain(data)) is not None:
            asyncio.run(_compare(data, reply), debug=False)


async def _compare(data: bytes, reply: Reply) -> None:
    loop = asyncio.get_running_loop()
    parser = HttpResponseParser(BaseProtocol(loop), loop, 2**16, read_until_eof=True, auto_decompress=False)
    ((message, payload),), upgraded, tail = parser.feed_data(data)
    assert (upgraded, tail, message.should_close) == (False, b"", False)
    assert message.code == reply.status
    assert {name.lower(): value for name, value in message.headers.items()} == reply.headers
    assert payload.is_eof()
    assert payload.read_nowait() == reply.body
