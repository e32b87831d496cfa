"""Timestamps as text (RFC 3339, HTTP dates), each formatted once."""

import math
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Annotated, Final

import msgspec

Timestamp = Annotated[datetime, msgspec.Meta(tz=True)]
"""An instant with an offset, inside a typed struct (RFC 3339)."""
TimestampText = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""The same as :func:`rfc3339` writes it."""

_FLOAT_ERROR: Final = 0.0005
"""In milliseconds: more than what a float of this size is off by."""


class _Last:
    """What was asked for last, with its words: number and texts change together, whichever thread asks."""

    second = (0, "1970-01-01T00:00:00", "Thu, 01 Jan 1970 00:00:00 GMT")
    millisecond = (0, "1970-01-01T00:00:00.000Z")


def rfc3339(epoch_seconds: float) -> str:
    """The instant in UTC with milliseconds, such as ``2026-11-23T06:00:00.123Z`` (RFC 3339)."""
    number = math.floor(epoch_seconds * 1000 + _FLOAT_ERROR)
    known, text = _Last.millisecond
    if number != known:
        second, rest = divmod(number, 1000)
        text = f"{_second(second)[1]}.{rest:03d}Z"
        _Last.millisecond = (number, text)
    return text


def http_date(epoch_seconds: float) -> str:
    """The second in the form that HTTP's ``Date`` has (RFC 9110 §5.6.7); the same object within a second."""
    return _second(math.floor(epoch_seconds))[2]


def _second(number: int) -> tuple[int, str, str]:
    second = _Last.second
    if second[0] != number:
        text = datetime.fromtimestamp(number, UTC).isoformat()[:19]
        second = _Last.second = (number, text, formatdate(number, usegmt=True))
    return second
