"""Amounts of money as services write them: validated as text, and passed on with the same digits.

An amount is a finite number as JSON writes it (RFC 8259 §6), or a string that holds exactly such a number. It stays
text: neither a float nor a ``Decimal`` is made of it on the way through, and what leaves is always a number.
"""

import re
from decimal import Decimal
from typing import Annotated, Final

import msgspec

Amount = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "number"})]
"""An amount, as the text that was written."""
_HIGHEST_PRICE: Final = 1_000_000
Price = Annotated[
    msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "number", "minimum": 0, "maximum": _HIGHEST_PRICE})
]
"""What a client says that something costs, as the text that was written; to be seen by :func:`check_price`."""
_MAX_LENGTH: Final = 40
_MAX_VALUE: Final = Decimal("1e300")
"""Far beyond any amount, and well within what every reader of JSON can take for a number."""

_number = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?").fullmatch

is_plain = re.compile(rb"-?[0-9.]{1,39}").fullmatch
"""Tells of valid JSON whether it is an amount as nearly all are: a number, not long, without an exponent."""


def amount(text: msgspec.Raw) -> Decimal:
    """The amount to calculate with."""
    return Decimal(bytes(text).decode("ascii"))


def normalized(text: msgspec.Raw) -> msgspec.Raw:
    """The number that ``text``, which is valid JSON, says.

    Raises:
        ValueError: it is no amount of money.
    """
    number = bytes(text)
    if number[:1] == b'"':
        number = number[1:-1]
    if len(number) > _MAX_LENGTH or not _number(number) or Decimal(number.decode("ascii")).copy_abs() >= _MAX_VALUE:
        raise ValueError("Expected an amount of money")
    return msgspec.Raw(number)


def check_price(text: msgspec.Raw) -> None:
    """See that ``text``, which is valid JSON, is a price.

    Raises:
        ValueError: it is none, or too high.
    """
    if bytes(text).startswith(b'"') or not 0 <= amount(normalized(text)) <= _HIGHEST_PRICE:
        raise ValueError(f"Expected a number from 0 to {_HIGHEST_PRICE}")
