"""``Idempotency-Key``: by which what is sent again is known (draft-ietf-httpapi-idempotency-key-header-07)."""

import re
from typing import Final

from sanic import Request

from shared.errors import InvalidInput
from shared.http.openapi.operation import Parameter

HEADER: Final = "Idempotency-Key"
_PATTERN: Final = r"[!#-\[\]-~]{1,255}"
"""Of a key, which may stand in quotes: what those allow within."""
_is_key: Final = re.compile(f'"{_PATTERN}"|{_PATTERN}').fullmatch
BAD_KEY: Final = InvalidInput(
    f"{HEADER} must be 1 to 255 visible ASCII characters without quotes and backslashes, once."
)


def read_key(request: Request, *, required: bool) -> str:
    """The key that ``request`` has, as it stands there; "" without.

    Raises:
        InvalidInput: there are several, or what is none, or there is none though it is ``required``.
    """
    given = request.headers.getall(HEADER, [])
    if not given and not required:
        return ""
    if len(given) != 1 or not _is_key(given[0]):
        raise InvalidInput(BAD_KEY.detail)
    return str(given[0])


def parameter(description: str, example: str, *, required: bool) -> Parameter:
    """The header field, as an operation that takes it declares it."""
    return Parameter(
        HEADER, "header", description, {"type": "string", "pattern": f"^{_PATTERN}$"}, example, required=required
    )
