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
    """What is said of a body of another type."""
    accepted = ", ".join(media_types)
    return UnsupportedMediaType(f"The body must be {' or '.join(media_types)}.", accepted)


def read_body(request: Request, read: Callable[[bytes], T], media_types: Sequence[str] = (JSON,)) -> T:
    """What ``read``, a decoder of ``shared.codec``, makes of the body; a body without a type counts as JSON.

    Raises:
        UnsupportedMediaType: it is of another type. InvalidInput, Unprocessable: as :func:`read_json`.
    """
    named = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if named not in media_types:
        raise other_type(media_types)
    return read_json(request, read)


def read_json(request: Request, read: Callable[[bytes], T]) -> T:
    """What ``read`` makes of the body, whatever its type is said to be.

    Raises:
        InvalidInput, Unprocessable: it is no JSON, or of another shape.
    """
    try:
        return read(request.body)
    except codec.MalformedJSON:
        raise InvalidInput(NO_JSON.detail) from None
    except codec.WrongShape as error:
        # The name of a member is the client's own text, as long as a body may be.
        raise Unprocessable(f"{_UNKNOWN.sub('unknown member', str(error))}.") from None
