"""One strict reading of every head: what leaves a doubt is refused, the rest is written anew in one form."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.strict_head import MAX_HEAD_BYTES, RejectedRequest, check_partial_head, read_head

_TCHARS = "!#$%&'*+-.^_`|~0123456789abcxyzABCXYZ"


def head(*fields: str, line: str = "GET /a?b=c HTTP/1.1") -> bytes:
    """A head in bytes."""
    return "\r\n".join([line, *fields, "", ""]).encode("latin-1", "replace")


def _status(data: bytes) -> int:
    with pytest.raises(RejectedRequest) as refused:
        read_head(data)
    return refused.value.status


_FRAMING = [
    *(f"Transfer-Encoding{gap}: chunked" for gap in (" ", "\t", "  ", "\x0b", "\x00", "\r", "\xa0")),
    *(f"Transfer-Encoding:{gap}chunked" for gap in ("\x0b", "\x0c", "\x00", "\r", "\xa0", "\x85")),
    *(f"Transfer-Encoding: {coding}" for coding in (
        "", "Chunked", "CHUNKED", "xchunked", "chunkedx", "identity", "gzip", "gzip, chunked", "chunked, chunked",
        "chunked,", ",chunked", '"chunked"', "chunked;q=1", "chunked\x0b", "chun\x00ked", "\x0cchunked",
    )),
    *(f"Content-Length: {length}" for length in (
        "", "-1", "+5", "5 5", "5,5", "5, 5", "0x5", "5.0", "5e0", "\u0665", "\u00b2", "five", "5\x0b", "5\x00", "1_0",
        "9" * 20,
    )),
    *(f"Content-Length{gap}: 5" for gap in (" ", "\t", "\x0b")),
]  # fmt: skip


@pytest.mark.parametrize("field", _FRAMING)
def test_a_doubtful_length_is_refused(field: str) -> None:
    """Where a body ends must be beyond doubt, or the rest of it is a request that nobody sent (RFC 9112 §11.2)."""
    assert _status(head("Host: x", field)) == 400


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "content-length: 5"),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 0"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: gzip", "Transfer-Encoding: chunked"),
    ],
)
def test_two_ways_to_tell_a_length_are_refused(fields: tuple[str, str]) -> None:
    """Two readers could choose differently."""
    assert _status(head("Host: x", *fields)) == 400


def test_a_transfer_coding_on_http_1_0_is_refused() -> None:
    """There is none (RFC 9112 §6.1)."""
    assert _status(head("Host: x", "Transfer-Encoding: chunked", line="POST / HTTP/1.0")) == 400


@pytest.mark.parametrize("length", ["5", "05", "0"])
def test_a_plain_length_is_read(length: str) -> None:
    """Digits and nothing else."""
    assert read_head(head("Host: x", f"Content-Length: \t {length} ")).length == int(length)


@pytest.mark.parametrize(
    "fields",
    [
        *((), ("Host: x", "Host: x"), ("Host: x", "host: y"), ("Host: a b",), ("Host: a,b c",), ("Host: x/y",)),
        *(("Host: x:80:80",), ("Host: x:http",), ("Host: [::1",), ("Host: user@x",), ("Host: x%zz",), ("Host: é",)),
    ],
)
def test_no_host_two_or_an_invalid_one_are_refused(fields: tuple[str, ...]) -> None:
    """RFC 9112 §3.2."""
    assert _status(head(*fields)) == 400


@pytest.mark.parametrize("host", ["", "x", "x:80", "x:", "127.0.0.1:8000", "[::1]:8000", "a_b.example.", "x%20y"])
def test_a_valid_host_is_taken(host: str) -> None:
    """Names, addresses, ports; it may be empty."""
    assert f"host:{host}\r\n".encode() in read_head(head(f"Host: {host}")).data


@pytest.mark.parametrize(
    "line",
    [
        "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET\t/ HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET /", "GET",
        "GET / HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/1.10", "GET / HTTP/01.1", "GET / http/1.1", "GET / HTTP/1,1",
        "GET / HTTP/3.7", "G(T / HTTP/1.1", "GET hello HTTP/1.1", "GET * HTTP/1.1", "CONNECT x:80 HTTP/1.1",
        "GET /\x00 HTTP/1.1", "GET /\x7f HTTP/1.1", "GET /é HTTP/1.1", "GET /#a HTTP/1.1", "GET http:///a HTTP/1.1",
        "GET http://a b/ HTTP/1.1", "GET ftp://a/ HTTP/1.1", "GET http://u@a/ HTTP/1.1", "GET http://:80/ HTTP/1.1", "",
    ],
)  # fmt: skip
def test_a_doubtful_request_line_is_refused(line: str) -> None:
    """Three words of the grammar with one space between, a version 1.x, a target in one of the known forms."""
    assert _status(head("Host: x", line=line)) == 400


@pytest.mark.parametrize(
    "field",
    [
        "Name : x", "Name\t: x", "Na me: x", " Name: x", "\tName: x", ": x", "Name", "Näme: x", "(n): x", "n\x00: x",
        "Name: a\x00b", "Name: a\x0bb", "Name: a\x0cb", "Name: a\x7fb", "Name: a\x01b", "Name: a\rb", "Name: a\nb",
        "Name: a\nHost: y", "Name: a\r Host: y", "Name: a\r\n folded", "Name: a\r\n\tfolded",
    ],
)  # fmt: skip
def test_a_doubtful_field_is_refused(field: str) -> None:
    """White space before the colon, folded lines, control characters, bare CR or LF, empty names."""
    assert _status(head("Host: x", field)) == 400


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        (("If-None-Match: a", "IF-NONE-MATCH: b"), b"if-none-match:a, b\r\n"),
        (("tracestate: a=1", "X: y", "tracestate: b=2"), b"tracestate:a=1, b=2\r\n"),
        (("Accept: a", "Accept:", "Accept: b"), b"accept:a, , b\r\n"),
        (("Cookie: a=1", "Cookie: b=2"), b"cookie:a=1; b=2\r\n"),
        (("X: \t a b \t",), b"x:a b\r\n"),
        (("X: \xff\xfe",), b"x:\xff\xfe\r\n"),
    ],
)
def test_fields_on_several_lines_are_one_list(sent: tuple[str, ...], written: bytes) -> None:
    """In their order, without the blanks round them (RFC 9110 §5.3)."""
    assert written in read_head(head("Host: x", *sent)).data


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("GET http://y HTTP/1.1", b"GET / HTTP/1.1\r\nhost:y\r\n"),
        ("GET http://y:81?q HTTP/1.1", b"GET /?q HTTP/1.1\r\nhost:y:81\r\n"),
        ("GET HTTPS://[::1]/p?q HTTP/1.1", b"GET /p?q HTTP/1.1\r\nhost:[::1]\r\n"),
        ("OPTIONS * HTTP/1.1", b"OPTIONS * HTTP/1.1\r\nhost:x\r\n"),
        ("GET /a HTTP/1.2", b"GET /a HTTP/1.1\r\nhost:x\r\n"),
        ("GET /a HTTP/1.9", b"GET /a HTTP/1.1\r\nhost:x\r\n"),
        ("GET /a HTTP/1.0", b"GET /a HTTP/1.0\r\nhost:x\r\n"),
        ("GET //a//b HTTP/1.1", b"GET //a//b HTTP/1.1\r\nhost:x\r\n"),
    ],
)
def test_the_target_is_written_in_one_form(line: str, written: bytes) -> None:
    """What a target in absolute-form names goes before Host (RFC 9112 §3.2.2); later minor versions are 1.1."""
    assert read_head(head("Host: x", line=line)).data.startswith(written)


@pytest.mark.parametrize(
    ("version", "fields", "written"),
    [
        ("1.1", (), b""),
        ("1.1", ("Connection: keep-alive",), b""),
        ("1.1", ("Connection: Upgrade", "Upgrade: websocket"), b""),
        ("1.1", ("Connection: te", "Connection: CLOSE"), b"connection:close\r\n"),
        ("1.1", ("Connection: keep-alive, close",), b"connection:close\r\n"),
        ("1.0", (), b""),
        ("1.0", ("Connection: te ,\tKeep-Alive",), b"connection:keep-alive\r\n"),
    ],
)
def test_what_is_said_of_the_connection_is_one_list(version: str, fields: tuple[str, ...], written: bytes) -> None:
    """Whether it stays open is all that is passed on; no other protocol is ever taken up."""
    data = read_head(head("Host: x", *fields, line=f"GET / HTTP/{version}")).data
    assert data == f"GET / HTTP/{version}\r\nhost:x\r\n".encode() + written + b"\r\n"


@pytest.mark.parametrize("line", ["GET /a HTTP/1.1", "GET http://y/a HTTP/1.1"])
def test_fields_beyond_the_limit_are_431_and_name_their_target(line: str) -> None:
    """By its path, whether their end has come or not."""
    whole = head("Host: x", "X: ".ljust(MAX_HEAD_BYTES, "x"), line=line)
    for read in (lambda: read_head(whole), lambda: check_partial_head(whole[:-4])):
        with pytest.raises(RejectedRequest) as refused:
            read()
        assert (refused.value.status, refused.value.target) == (431, b"/a")


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a?b", b"/a?b"), ("http://x", b"/"), ("http://x?b", b"/?b"), ("HTTP://x/a", b"/a"), ("tp://x", b"*"),
        ("x", b"*"), ("*", b"*"), ("x:80", b"*"), ("http:///a", b"*"), ("?", b"*"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named_by_its_path(target: str, path: bytes) -> None:
    """In whatever form the target came."""
    with pytest.raises(RejectedRequest) as refused:
        read_head(head("Host: x", "A : b", line=f"GET {target} HTTP/1.1"))
    assert refused.value.target == path


def test_an_old_client_expects_nothing() -> None:
    """HTTP/1.0 knows no informational answers (RFC 9110 §10.1.1)."""
    fields = ("Host: x", "Expect: 100-continue", "Content-Length: 1")
    assert b"expect" not in read_head(head(*fields, line="POST / HTTP/1.0")).data
    assert b"expect" in read_head(head(*fields, line="POST / HTTP/1.1")).data


def test_a_request_line_beyond_the_limit_is_413() -> None:
    """There is no target to be named."""
    with pytest.raises(RejectedRequest) as refused:
        check_partial_head(b"GET /" + b"x" * MAX_HEAD_BYTES)
    assert (refused.value.status, refused.value.target) == (413, b"*")


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: x\n\n", b"\x16\x03\x01", b"GET /\r\rx", b"\x00"]
)
def test_what_can_never_be_a_head_is_refused_at_once(data: bytes) -> None:
    """Nobody waits for an end that could not help."""
    with pytest.raises(RejectedRequest):
        check_partial_head(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing else is raised, whatever comes."""
    for candidate in (data, head("Host: x")[:-4] + b"\r\n" + data + b"\r\n\r\n", data + b"\r\n\r\n"):
        try:
            check_partial_head(candidate)
            written = read_head(candidate).data
        except RejectedRequest:
            continue
        assert read_head(written).data == written
        assert len(written) <= len(candidate)


_FIELD = st.tuples(
    st.text(_TCHARS, min_size=1, max_size=12).filter(
        lambda name: name.lower() not in {"host", "upgrade", "connection"}
    ),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20),
)


@given(st.lists(_FIELD, max_size=6))
def test_every_field_is_there_once_with_all_that_was_said(fields: list[tuple[str, str]]) -> None:
    """Nothing is added, nothing lost but the blanks."""
    fields = [(name, re.sub("[\x80-\x9f]", "", value)) for name, value in fields]
    said = [(name.lower(), value.strip(" ")) for name, value in fields]
    if {"content-length", "transfer-encoding", "http2-settings", "cookie"} & dict(said).keys():
        return
    lines = read_head(head("Host: x", *(f"{name}: {value}" for name, value in fields))).data.decode("latin-1")
    read = dict(line.split(":", 1) for line in lines.split("\r\n")[1:-2])
    names = [name for name, _ in said]
    assert set(read) == {*names, "host"}
    for name in names:
        assert read[name] == ", ".join(value for other, value in said if other == name)
