"""What the gateway reads from the services and shows to clients.

Only these fields pass: whatever else a service sends is dropped here, so that nothing is published by accident.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

import msgspec

from bff import money

_EXACT: Final = 2**53 - 1
"""Whole numbers beyond this are another number to many who read JSON (RFC 8259 §6)."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Whole = Annotated[int, msgspec.Meta(ge=-_EXACT, le=_EXACT)]


class User(msgspec.Struct, frozen=True, gc=False):
    """A user, from the user service."""

    id: str
    username: str
    email: str
    full_name: str
    is_active: bool
    created_at: Moment


class OrderItem(msgspec.Struct, frozen=True, gc=False):
    """One line of an order; ``price`` is that of one piece."""

    product_id: str
    quantity: Whole
    price_text: msgspec.Raw = msgspec.field(name="price")

    def __post_init__(self) -> None:
        """Check the amount."""
        if not money.is_plain(self.price_text):
            msgspec.structs.force_setattr(self, "price_text", money.settled(self.price_text))

    @property
    def price(self) -> Decimal:
        """The amount."""
        return money.amount(self.price_text)


class Order(msgspec.Struct, frozen=True, gc=False):
    """An order with its items, from the order service."""

    id: str
    user_id: str
    status: str
    total_text: msgspec.Raw = msgspec.field(name="total_amount")
    items: list[OrderItem]
    created_at: Moment

    def __post_init__(self) -> None:
        """Check the amount."""
        if not money.is_plain(self.total_text):
            msgspec.structs.force_setattr(self, "total_text", money.settled(self.total_text))

    @property
    def total_amount(self) -> Decimal:
        """The amount."""
        return money.amount(self.total_text)


class Product(msgspec.Struct, frozen=True, gc=False):
    """A product, from the product service."""

    id: str
    name: str
    description: str
    price_text: msgspec.Raw = msgspec.field(name="price")
    category: str
    stock_quantity: Whole

    def __post_init__(self) -> None:
        """Check the amount."""
        if not money.is_plain(self.price_text):
            msgspec.structs.force_setattr(self, "price_text", money.settled(self.price_text))

    @property
    def price(self) -> Decimal:
        """The amount."""
        return money.amount(self.price_text)
