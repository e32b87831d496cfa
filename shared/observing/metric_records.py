"""The file format of shared metrics, which is prometheus_client's: a length, then a record for each value.

The library's own way to read it takes whatever there is; here a file that is damaged is found out. Pure.
"""

import json
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

_NUMBER: Final = struct.Struct("i")
_VALUE: Final = struct.Struct("dd")
_HEAD_BYTES: Final = 8
_MAX_KEYS: Final = 20_000


def head(used: int) -> bytes:
    """How a file begins of which ``used`` bytes are used, these included."""
    return _NUMBER.pack(used)


def record(key: bytes, value: float) -> bytes:
    """A value, which stands in the last 16 bytes, with a time that nobody reads."""
    padded = key + b" " * (8 - (len(key) + _NUMBER.size) % 8)
    return _NUMBER.pack(len(key)) + padded + _VALUE.pack(value, 0.0)


def image(records: Iterable[bytes]) -> bytes:
    """A whole file."""
    body = b"".join(records)
    return head(_HEAD_BYTES + len(body)).ljust(_HEAD_BYTES, b"\0") + body


def parse(data: bytes) -> Iterator[tuple[bytes, float]]:
    """Keys and values.

    Raises:
        ValueError: it is no such file, or a damaged one.
    """
    if len(data) < _HEAD_BYTES:
        raise ValueError("no head")
    (used,) = _NUMBER.unpack_from(data)
    place = _HEAD_BYTES
    if not (used == 0 or place <= used <= len(data)):
        raise ValueError("more is used than there is")
    while place < used:
        (length,) = _NUMBER.unpack_from(data, place) if place + _NUMBER.size <= used else (0,)
        start = place + _NUMBER.size
        place = start + length + 8 - (length + _NUMBER.size) % 8 + _VALUE.size
        key = data[start : start + length]
        if length <= 0 or place > used or not _is_key(key):
            raise ValueError("no record")
        yield key, _VALUE.unpack_from(data, place - _VALUE.size)[0]


@lru_cache(_MAX_KEYS)
def _is_key(key: bytes) -> bool:
    """Whether it is the name of a metric, that of a sample, its labels, and what it is about."""
    try:
        metric, sample, labels, text = json.loads(key)
    except ValueError:
        return False
    return (
        all(isinstance(one, str) for one in (metric, sample, text))
        and isinstance(labels, dict)
        and all(isinstance(one, str) for one in labels.values())
    )
