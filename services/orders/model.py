"""What the order service tells."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

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
