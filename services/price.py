"""Prices as requests have them: JSON numbers, read as the decimals that they are written with."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from shared.errors import Unprocessable

Price = Annotated[float, Meta(ge=0, le=1_000_000, description="An amount with at most two decimals.")]
_CENT = Decimal("0.01")


def exact(price: float) -> Decimal:
    """The amount, with two decimals.

    Raises:
        Unprocessable: it has more.
    """
    written = Decimal(repr(price))  # the shortest decimal that is this number: what was written, up to 15 digits
    amount = written.quantize(_CENT) + 0  # of minus nothing, nothing
    if amount != written:
        raise Unprocessable("A price has at most two decimals.")
    return amount
