"""``Idempotency-Key``: by which an order that is sent again is known (draft-ietf-httpapi-idempotency-key-header-07)."""

import re
from typing import Final

from sanic import Request

from shared.errors import InvalidInput, Unprocessable
from shared.http.openapi.operation import Parameter

HEADER: Final = "Idempotency-Key"
_PATTERN: Final = r"[!#-\[\]-~]{1,255}"
_key: Final = re.compile(rf'"({_PATTERN})"|({_PATTERN})').fullmatch

PARAMETER: Final = Parameter(
    HEADER,
    "header",
    "Names this order, in up to 255 visible ASCII characters, quoted or not; a UUID for example. Sent again within a "
    "day with the same body it is answered the same, and nothing is ordered twice.",
    {"type": "string", "pattern": f"^{_PATTERN}$"},
    "5e2f6d8e-1f9b-4f6f-9a52-0d1b6f6f7d7a",
    required=True,
)
MISSING: Final = InvalidInput(f"{HEADER} must be given once: 1 to 255 visible ASCII characters.")
REUSED: Final = Unprocessable(f"The {HEADER} has been used for another order.")


def read_key(request: Request) -> str:
    """The key that ``request`` has, without the quotes that a string in a structured field has (RFC 9651).

    Raises:
        InvalidInput: it has none, or several, or what is none.
    """
    given = request.headers.getall(HEADER, [])
    found = _key(given[0].strip()) if len(given) == 1 else None
    if found is None:
        raise InvalidInput(MISSING.detail)
    return found[1] or found[2]
