"""What the gateway reads from the services and shows to clients.

Only these fields pass: whatever else a service sends is dropped here, so that nothing is published by accident.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


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
    quantity: int
    price: Decimal


class Order(msgspec.Struct, frozen=True, gc=False):
    """An order with its items, from the order service."""

    id: str
    user_id: str
    status: str
    total_amount: Decimal
    items: list[OrderItem]
    created_at: Moment


class Product(msgspec.Struct, frozen=True, gc=False):
    """A product, from the product service."""

    id: str
    name: str
    description: str
    price: Decimal
    category: str
    stock_quantity: int
