"""Which heads are read early, and that they mean then what the strict reading takes them for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.request_head import Fields, read_fields
from shared.http.strict_head import read_head


def block(*fields: str) -> bytes:
    """Fields as they stand after a request line."""
    return "\r\n".join([*fields, "", ""]).encode("latin-1")


def test_what_an_answer_depends_on_is_read() -> None:
    """Names in any case; values without the blanks round them (RFC 9112 §5.1)."""
    given = block("host: x", "IF-NONE-MATCH: *", "X-Request-ID:a", "traceparent: \t b ", "tracestate: c=1", "Other: d")
    assert read_fields(given) == Fields(given, "*", "a", "b", "c=1")


def test_what_is_absent_is_none() -> None:
    """An empty field is there, one that was not sent is not."""
    assert read_fields(block("Host:", "If-None-Match:")) == Fields(
        block("Host:", "If-None-Match:"), "", None, None, None
    )


@pytest.mark.parametrize("connection", ["keep-alive", "Keep-Alive", " \tKEEP-ALIVE", "keep-alive "])
def test_a_connection_that_is_to_stay_open(connection: str) -> None:
    """Saying so in words changes nothing."""
    assert read_fields(block("Host: x", f"Connection:{connection}")) is not None


@pytest.mark.parametrize(
    "doubtful",
    [
        b"",
        b"\r\n",
        block("Accept: x"),
        block("Host: x")[:-2],
        block("Host: x")[:-1],
        block("Host: x") + b"x",
        block("Host: x") + block("Host: x"),
        block("Host: x", "", "Accept: y"),
        block("Host: x", "host: x"),
        block("Host: x", "Accept: a", "accept: b"),
        block("Host: x", "Connection: close"),
        block("Host: x", "Connection: keep-alive, upgrade"),
        block("Host: x", "Connection:"),
        block("Host: a b"),
        block("Host: x/y"),
        block("Host: x:port"),
        block("Host: x", "Content-Length: 0"),
        block("Host: x", "transfer-encoding: chunked"),
        block("Host: x", "Expect: 100-continue"),
        block("Host: x", "Upgrade: h2c"),
        block("Host: x", "HTTP2-Settings: AA"),
        block("Host: x", "TE: trailers"),
        block("Host: x", "Trailer: x"),
        block("Host: x", " folded"),
        block("Host: x", "Transfer-Encoding : chunked"),
        block("Host: x", ": nameless"),
        block("Host: x", "nothing"),
        block("Host: x", "Na me: x"),
        block("Host: x", "Näme: x"),
        block("Host: x", "Name: ä"),
        block("Host: x", "Name: \x00"),
        block("Host: x", "Name: \x7f"),
        block("Host: x", "Name: \x0b"),
        block("Host: x", "Name: a\rb"),
        block("Host: x", "Name: a\nb"),
        b"Host: x\n\n",
    ],
)
def test_what_leaves_a_doubt_is_not_read(doubtful: bytes) -> None:
    """Bodies, upgrades, duplicates, other bytes than plain ones, more or less than one head."""
    assert read_fields(doubtful) is None


_NAMES = st.sampled_from(
    [
        "Host",
        "If-None-Match",
        "x-request-id",
        "X-Request-ID",
        "traceparent",
        "tracestate",
        "Connection",
        "Accept",
        "TE",
        "a b",
    ]
)
_VALUES = st.one_of(
    st.text(st.characters(max_codepoint=255), max_size=12),
    st.sampled_from(["keep-alive", "close", "*", "a\r\nHost: b"]),
)
_LINES = st.builds("{}:{}{}".format, _NAMES, st.sampled_from(["", " ", "\t "]), _VALUES)


@given(st.lists(_LINES, max_size=5), st.binary(max_size=3))
def test_whatever_is_read_is_what_sanic_is_given(lines: list[str], more: bytes) -> None:
    """One head and nothing behind it; each field once, with the value that the strict reading finds."""
    data = block("Host: x", *lines) + more
    fields = read_fields(data)
    if fields is None:
        return
    head, separator, rest = data.partition(b"\r\n\r\n")
    assert (fields.block, separator, rest) == (data, b"\r\n\r\n", b"")
    strict = read_head(b"GET / HTTP/1.1\r\n" + data)
    assert (strict.length, strict.chunked) == (0, False)
    pairs = [line.split(":", 1) for line in strict.data.decode().split("\r\n")[1:-2]]
    headers = dict(pairs)
    assert len(headers) == len(pairs)
    names = ("if-none-match", "x-request-id", "traceparent", "tracestate")
    read = (fields.if_none_match, fields.request_id, fields.traceparent, fields.tracestate)
    assert read == tuple(headers.get(name) for name in names)
    assert headers.keys() - {"connection"} == {
        line.partition(b":")[0].decode().lower() for line in head.split(b"\r\n")
    } - {"connection"}
