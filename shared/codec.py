"""JSON: bytes ↔ typed structs, and plain documents → bytes.

Typed structs go through msgspec, which validates shapes, drops fields that are not named and keeps decimals
exact; documents made of plain dictionaries go through orjson.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import orjson

T = TypeVar("T")

_encoder = msgspec.json.Encoder(decimal_format="number")

encode: Callable[[Any], bytes] = _encoder.encode
"""Typed structs as JSON: decimals as numbers with the digits they have, times as RFC 3339."""

document: Callable[[Any], bytes] = orjson.dumps
"""A plain dictionary or list as JSON."""


def is_json(data: bytes) -> bool:
    """Whether ``data`` is a JSON text (RFC 8259)."""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


class MalformedJSON(ValueError):
    """Bytes that are no JSON (RFC 8259) at all."""


class WrongShape(ValueError):
    """JSON that is not of the expected shape; the text says where, and never repeats the input."""


def decoder(kind: type[T]) -> Callable[[bytes], T]:
    """A function that reads JSON bytes as ``kind``.

    The function raises :class:`MalformedJSON` or :class:`WrongShape`.
    """
    decode = msgspec.json.Decoder(kind).decode

    def read(data: bytes) -> T:
        try:
            return decode(data)
        except msgspec.ValidationError as error:
            raise WrongShape(str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedJSON("not valid JSON") from error

    return read
