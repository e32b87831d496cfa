"""The key by which an order that is sent again is known."""

from typing import Final

from sanic import Request

from shared.errors import Unprocessable
from shared.http import idempotency_key
from shared.http.idempotency_key import HEADER

PARAMETER: Final = idempotency_key.parameter(
    "Names this order, in up to 255 visible ASCII characters, quoted or not; a UUID for example. Sent again within a "
    "day with the same body it is answered the same, and nothing is ordered twice.",
    "5e2f6d8e-1f9b-4f6f-9a52-0d1b6f6f7d7a",
    required=True,
)
REUSED: Final = Unprocessable(f"The {HEADER} has been used for another order.")


def read_key(request: Request) -> str:
    """The key that ``request`` has, without the quotes that a string in a structured field has (RFC 9651).

    Raises:
        InvalidInput: it has none, or several, or what is none.
    """
    return idempotency_key.read_key(request, required=True).strip('"')
