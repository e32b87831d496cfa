"""A strict parser for request heads (RFC 9112), in front of every other.

What two parsers could read differently is not read at all but rejected: white space before a colon, folded
lines, control characters, bare CR or LF, two lengths, a length beside a transfer coding (request smuggling). What is
left is rewritten in one form, so that no later parser has to decide anything: each field once (RFC 9110 §5.3), the
target in origin-form, nothing about the connection but whether it stays open.
"""

import re
from typing import Final, NamedTuple

from shared.grammar import HOST, TOKEN

MAX_HEAD_BYTES: Final = 8192
"""Longest head that is taken, in bytes, the empty line included."""

_LINE: Final = rb"(%b) ([\x21-\x22\x24-\x7e]+) HTTP/1\.([0-9])\r\n" % TOKEN
_FIELDS: Final = rb"((?:%b:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n" % TOKEN
_match_head: Final = re.compile(_LINE + _FIELDS).fullmatch
_match_line: Final = re.compile(_LINE).match
_find_forbidden: Final = re.compile(rb"(?<!\r)\n|\r[^\n]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]").search
"""What no head can have, whatever comes after it."""
_match_absolute: Final = re.compile(rb"https?://([^/?]+)([/?].*)?", re.IGNORECASE | re.DOTALL).fullmatch
_match_host: Final = re.compile(HOST.encode()).fullmatch
_BLANKS: Final = b" \t"
_IGNORED: Final = frozenset({b"upgrade", b"http2-settings"})
"""A server may go on as if nobody had asked for another protocol (RFC 9110 §7.8)."""


class RejectedRequest(Exception):
    """A head that is rejected; ``target`` is its path, ``*`` where that is unknown."""

    def __init__(self, status: int, target: bytes = b"*") -> None:
        self.status = status
        self.target = target
        super().__init__(status)


class Head(NamedTuple):
    """A head in its one form, and the body that follows it.

    Attributes:
        data: request line and fields, the empty line included; never longer than it came.
        length: bytes of the body; 0 when there is none.
        chunked: whether the body comes in chunks instead.
    """

    data: bytes
    length: int
    chunked: bool


def check_partial_head(data: bytes | bytearray, start: int = 0) -> None:
    """Look at a head of which the end has not come yet, and of which all before ``start`` has been looked at.

    Raises:
        Refused: whatever comes, it will not do: 400, 413 for a request line that is too long, 431 for fields.
    """
    if _find_forbidden(data, start, MAX_HEAD_BYTES):
        raise RejectedRequest(400, _target(data))
    if len(data) >= MAX_HEAD_BYTES:
        raise _too_long(data)


def read_head(data: bytes) -> Head:
    """Read a whole head, the empty line included.

    Raises:
        Refused: 400 for what is not HTTP/1.x or leaves a doubt, 413 for a request line that is too long, 431 for
            fields.
    """
    if len(data) > MAX_HEAD_BYTES:
        raise _too_long(data)
    whole = _match_head(data)
    if whole is None:
        raise RejectedRequest(400, _target(data))
    method, target, minor, block = whole.groups()
    try:
        return _normal(method, target, minor == b"0", block)
    except ValueError as error:
        raise RejectedRequest(400, _path(target)) from error


def _normal(method: bytes, target: bytes, is_old: bool, block: bytes) -> Head:
    """Raises ValueError for what leaves a doubt."""
    fields = _merged(block)
    path, authority = _origin_form(method, target)
    host = fields.get(b"host")
    if _match_host(host or b"") is None or (host is None and not is_old):
        raise ValueError(host)
    if authority is not None:
        fields[b"host"] = authority  # RFC 9112 §3.2.2
    length, chunked = _framing(fields, is_old)
    persistence = _persistence(fields.pop(b"connection", b""), is_old)
    lines = [b"%b %b HTTP/1.%b\r\n" % (method, path, b"0" if is_old else b"1")]
    if is_old:
        fields.pop(b"expect", None)  # RFC 9110 §10.1.1
    lines += [b"%b:%b\r\n" % field for field in fields.items() if field[0] not in _IGNORED]
    lines += [persistence, b"\r\n"]
    return Head(b"".join(lines), length, chunked)


def _merged(block: bytes) -> dict[bytes, bytes]:
    """Fields by name; those on several lines are one list, in their order (RFC 9110 §5.3)."""
    fields: dict[bytes, bytes] = {}
    for line in block.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(_BLANKS)
        if name not in fields:
            fields[name] = value
        elif name in {b"host", b"content-length"}:
            raise ValueError(name)
        else:
            fields[name] += (b"; " if name == b"cookie" else b", ") + value
    return fields


def _origin_form(method: bytes, target: bytes) -> tuple[bytes, bytes | None]:
    """The target in origin-form, and the authority of one that was in absolute-form (RFC 9112 §3.2)."""
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return target, None
    absolute = _match_absolute(target)
    if absolute is None or _match_host(absolute[1]) is None or absolute[1].startswith(b":"):
        raise ValueError(target)
    path = absolute[2] or b"/"
    return path if path.startswith(b"/") else b"/" + path, absolute[1]


def _framing(fields: dict[bytes, bytes], is_old: bool) -> tuple[int, bool]:
    """Length of the body, and whether it is chunked instead (RFC 9112 §6)."""
    length, coding = fields.get(b"content-length"), fields.get(b"transfer-encoding")
    if coding is not None:
        if coding != b"chunked" or length is not None or is_old:
            raise ValueError(coding)
        return 0, True
    if length is None:
        return 0, False
    if not length.isdigit() or len(length) > 19:
        raise ValueError(length)
    return int(length), False


def _persistence(options: bytes, is_old: bool) -> bytes:
    """What is said of the connection, where it is not what goes without saying (RFC 9112 §9.3)."""
    wanted = {option.strip(_BLANKS).lower() for option in options.split(b",")}
    if b"close" in wanted:
        return b"connection:close\r\n"
    return b"connection:keep-alive\r\n" if is_old and b"keep-alive" in wanted else b""


def _target(data: bytes | bytearray) -> bytes:
    line = _match_line(data)
    return b"*" if line is None else _path(line[2])


def _path(target: bytes) -> bytes:
    """The path of a target in whatever form, as far as it has one."""
    if target.startswith(b"/"):
        return target
    absolute = _match_absolute(target)
    path = b"*" if absolute is None else absolute[2] or b"/"
    return path if path[:1] in b"*/" else b"/" + path


def _too_long(data: bytes | bytearray) -> RejectedRequest:
    line = _match_line(data, 0, MAX_HEAD_BYTES)
    return RejectedRequest(413) if line is None else RejectedRequest(431, _path(line[2]))
