"""Response heads as text, with the fields in the order in which Sanic sends them."""

from collections.abc import Iterable
from functools import cache
from typing import Final, NamedTuple

from sanic.helpers import STATUS_CODES

HeaderFields = Iterable[tuple[str, str]]

JSON: Final = "application/json"


class Body(NamedTuple):
    """What a head says of the body: how many bytes there are, and of which type."""

    length: int
    kind: str


def opening(status: int, own: HeaderFields, date: str) -> str:
    """From the beginning to where the request id stands; ``own`` are the answer's own fields."""
    fields = "".join([f"{name}: {value}\r\n" for name, value in own])
    return f"{_status_line(status)}{fields}Date: {date}\r\nX-Content-Type-Options: nosniff\r\nX-Request-ID: "


@cache
def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {STATUS_CODES[status].decode()}\r\n"


def closing(body: Body | None, *, keep_alive: bool) -> str:
    """The last fields, from the end of the one before: of the body, where there is one, and of the connection."""
    connection = f"\r\nconnection: {'keep-alive' if keep_alive else 'close'}"
    if body is None:
        return f"{connection}\r\n\r\n"
    return f"\r\ncontent-length: {body.length}{connection}\r\ncontent-type: {body.kind}\r\n\r\n"


def lines(fields: HeaderFields) -> str:
    """Fields as lines, without an end after the last one."""
    return "\r\n".join([f"{name}: {value}" for name, value in fields])
