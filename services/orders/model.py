"""What the order service tells, and what it is told."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from services.price import Price
from shared.ids import Id
from shared.timestamps import Timestamp


class OrderItem(msgspec.Struct, frozen=True):
    """One line of an order; ``price`` is that of one piece when it was bought, with two decimals."""

    product_id: str
    quantity: int
    price: Decimal


class Order(msgspec.Struct, frozen=True):
    """What a user bought at once; ``total_amount`` has two decimals, ``created_at`` is in UTC."""

    id: str
    user_id: str
    status: str
    total_amount: Decimal
    items: Sequence[OrderItem]
    created_at: Timestamp


class NewItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many pieces of a product, each for ``price``."""

    product_id: Id
    quantity: Annotated[int, Meta(ge=1, le=10_000)]
    price: Price


class NewOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user buys."""

    user_id: Id
    items: Annotated[list[NewItem], Meta(min_length=1, max_length=100)]
