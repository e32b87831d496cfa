"""The order service: what somebody has bought."""

from decimal import Decimal

import msgspec

from bff.parts import money
from bff.parts.invalidates import Invalidates
from bff.parts.shapes import SafeInteger
from bff.parts.single import single
from shared.timestamps import Timestamp
from shared.upstream.service import Service


class OrderItem(msgspec.Struct, frozen=True, gc=False):
    """One line of an order; ``price`` is that of one piece."""

    product_id: str
    quantity: SafeInteger
    price_text: money.Amount = msgspec.field(name="price")

    def __post_init__(self) -> None:
        """Check the amount."""
        if not money.is_plain(self.price_text):
            msgspec.structs.force_setattr(self, "price_text", money.normalized(self.price_text))

    @property
    def price(self) -> Decimal:
        """The amount."""
        return money.amount(self.price_text)


class Order(msgspec.Struct, frozen=True, gc=False):
    """An order with its items."""

    id: str
    user_id: str
    status: str
    total_text: money.Amount = msgspec.field(name="total_amount")
    items: list[OrderItem]
    created_at: Timestamp

    def __post_init__(self) -> None:
        """Check the amount."""
        if not money.is_plain(self.total_text):
            msgspec.structs.force_setattr(self, "total_text", money.normalized(self.total_text))

    @property
    def total_amount(self) -> Decimal:
        """The amount."""
        return money.amount(self.total_text)


ORDER_SERVICE = Service("order_service", url="http://127.0.0.1:8002")
ORDERS = single(
    "orders",
    ORDER_SERVICE,
    list[Order],
    "/orders/user/{user_id}",
    owner="user_id",
    about=lambda order: order.user_id,
    outdated_by=(Invalidates("com.example.order.placed.v1", lambda event: ["user:" + event.data["user_id"]]),),
    example=[
        {
            "id": "order123",
            "user_id": "user123",
            "status": "delivered",
            "total_amount": 999.99,
            "items": [{"product_id": "prod1", "quantity": 1, "price": 999.99}],
            "created_at": "2025-11-03T18:20:05Z",
        }
    ],
)
"""Newest first; empty for an unknown user."""
