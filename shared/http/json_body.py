"""Reads what a request brings: JSON under a media type that is taken, of the shape that is wanted."""

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from sanic import Request

from shared import codec
from shared.errors import InvalidInput, Unprocessable, UnsupportedMediaType
from shared.http.openapi.operation import JSON

T = TypeVar("T")

MERGE_PATCH: Final = ("application/merge-patch+json", JSON)
"""The types of a merge patch (RFC 7396), which is JSON as well."""
NO_JSON: Final = InvalidInput("The body must be JSON.")
_UNKNOWN: Final = re.compile(r"unknown field `.*`", re.DOTALL)


def other_type(media_types: Sequence[str] = (JSON,)) -> UnsupportedMediaType:
    """What is said of a body of another type than these."""
    return UnsupportedMediaType(f"The body must be {' or '.join(media_types)}.", ", ".join(media_types))


def read_json(request: Request, read: Callable[[bytes], T], media_types: Sequence[str] = (JSON,)) -> T:
    """What ``read``, a decoder of :mod:`shared.codec`, makes of the body, which is of one of ``media_types``.

    Raises:
        UnsupportedMediaType: it is of another type, of none, or in a coding (RFC 9110 §8.4).
        InvalidInput, Unprocessable: as :func:`decoded`.
    """
    named = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if named not in media_types or "content-encoding" in request.headers:
        raise other_type(media_types)
    return decoded(request.body, read)


def decoded(body: bytes, read: Callable[[bytes], T]) -> T:
    """What ``read`` makes of ``body``, whatever its type is said to be.

    Raises:
        InvalidInput: it is no JSON.
        Unprocessable: it is of another shape.
    """
    try:
        return read(body)
    except codec.MalformedJSON:
        raise InvalidInput(NO_JSON.detail) from None
    except codec.WrongShape as error:
        # The name of a member is the client's own text, as long as a body may be.
        raise Unprocessable(f"{_UNKNOWN.sub('unknown member', str(error))}.") from None
