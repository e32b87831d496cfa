"""Place an order."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from bff.commands.kind import Command
from bff.parts import money
from bff.sources.orders import ORDER_SERVICE, Order
from shared.edge.access import Access
from shared.ids import Id

_ITEM: Final = {"product_id": "prod1", "quantity": 1, "price": 999.99}


class WantedItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many pieces of a product, at a price for each."""

    product_id: Id
    quantity: Annotated[int, Meta(ge=1, le=10_000)]
    price_text: money.Price = msgspec.field(name="price")

    def __post_init__(self) -> None:
        """Check the price."""
        money.check_price(self.price_text)


class WantedOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody wants to buy."""

    user_id: Id
    items: Annotated[list[WantedItem], Meta(min_length=1, max_length=100)]


PLACE_ORDER = Command(
    name="place_order",
    method="POST",
    path="/api/orders",
    subject="user_id",
    access=Access(owner="sub", scope="orders:write", any_scope="orders:write:any"),
    service=ORDER_SERVICE,
    to="/orders",
    request=WantedOrder,
    answer=Order,
    about=lambda order: order.user_id,
    statuses=(201,),
    refusals={
        409: "An order with this Idempotency-Key is being placed at the moment.",
        422: "The order service does not take this order, or its Idempotency-Key was used for another one.",
    },
    repeatable=True,
    outdates=lambda asked, _: [f"user:{asked.subject}"],
    asked_example={"user_id": "user123", "items": [_ITEM]},
    answer_example={
        "id": "order123",
        "user_id": "user123",
        "status": "pending",
        "total_amount": 999.99,
        "items": [_ITEM],
        "created_at": "2026-11-24T18:20:05Z",
    },
)
