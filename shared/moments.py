"""Instants as text. Each second is put into words once."""

from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final, NamedTuple

_FLOAT_ERROR: Final = 0.0005
"""In milliseconds: more than what a float of this size is off by."""


class _Second(NamedTuple):
    number: int
    rfc3339: str
    http: str


def _told(number: int) -> _Second:
    text = datetime.fromtimestamp(number, UTC).isoformat()[:19]
    return _Second(number, text, formatdate(number, usegmt=True))


_last = _told(0)


def _second_of(epoch_seconds: float) -> _Second:
    global _last  # noqa: PLW0603 - a memory of one
    number = int(epoch_seconds // 1)
    second = _last
    if second.number != number:
        second = _last = _told(number)
    return second


def rfc3339(epoch_seconds: float) -> str:
    """The instant in UTC with milliseconds, such as ``2026-11-23T06:00:00.123Z`` (RFC 3339)."""
    second = _second_of(epoch_seconds)
    thousandths = int((epoch_seconds - second.number) * 1000 + _FLOAT_ERROR)
    return f"{second.rfc3339}.{min(thousandths, 999):03d}Z"


def http_date(epoch_seconds: float) -> str:
    """The second in the form that HTTP's ``Date`` has (RFC 9110 §5.6.7); the same object within a second."""
    return _second_of(epoch_seconds).http
