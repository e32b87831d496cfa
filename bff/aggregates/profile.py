"""The profile: a user, the user's orders, and the products in those orders."""

from collections.abc import Mapping
from typing import Final

import msgspec

from bff.aggregates.kind import AggregateKind
from bff.aggregates.view import View
from bff.parts import money
from bff.parts.part import Aggregate, Part
from bff.parts.sources import Sources
from bff.sources.orders import ORDERS, Order
from bff.sources.products import PRODUCTS, Product
from bff.sources.users import USER, User
from shared.edge.access import Access
from shared.errors import NotFound, ServiceUnavailable
from shared.timestamps import Timestamp

RETRY_AFTER_SECONDS: Final = 2
CARD_ORDERS: Final = 2
"""The latest ones, on a card."""


async def load_profile(user_id: str, sources: Sources) -> Aggregate:
    """User and orders are asked at once, products as soon as the orders are known.

    Raises:
        NotFound: the user service says that there is no such user.
        ServiceUnavailable: neither the user nor the orders could be had.
    """
    user, (orders, products) = await sources.together(
        _existing_user(user_id, sources), _orders_and_products(user_id, sources)
    )
    if user.value is None and orders.value is None:
        raise ServiceUnavailable("Neither the user nor the orders can be had at the moment.", RETRY_AFTER_SECONDS)
    return Aggregate({"user": user, "orders": orders, "products": products})


async def _existing_user(user_id: str, sources: Sources) -> Part[User]:
    user = await sources.take(USER, user_id)
    if user.is_absent:
        raise NotFound("There is no such user.")
    return user


async def _orders_and_products(user_id: str, sources: Sources) -> tuple[Part[list[Order]], Part[Mapping[str, Product]]]:
    orders = await sources.take(ORDERS, user_id)
    if orders.value is None:
        return orders, Part.missing(orders.reason)  # which products they are is as unknown as the orders
    return orders, await sources.take(PRODUCTS, [item.product_id for order in orders.value for item in order.items])


class CardUser(msgspec.Struct, frozen=True):
    """A user, by name."""

    full_name: str


class CardOrder(msgspec.Struct, frozen=True):
    """An order without its items."""

    id: str
    status: str
    total_text: money.Amount = msgspec.field(name="total_amount")
    created_at: Timestamp

    def __post_init__(self) -> None:
        """Check the amount, which may come out of a cache."""
        if not money.is_plain(self.total_text):
            msgspec.structs.force_setattr(self, "total_text", money.normalized(self.total_text))


class Card(msgspec.Struct, frozen=True):
    """A user by name, and the latest orders."""

    user: CardUser | None
    orders: list[CardOrder] | None


def make_card(user: User | None, orders: list[Order] | None) -> Card:
    """Of what could be had."""
    return Card(
        user=None if user is None else CardUser(user.full_name),
        orders=None if orders is None else [_without_items(order) for order in orders[:CARD_ORDERS]],
    )


def _without_items(order: Order) -> CardOrder:
    return CardOrder(order.id, order.status, order.total_text, order.created_at)


PROFILE = AggregateKind(
    "profile",
    "/api/profile",
    "user_id",
    load_profile,
    parts=(USER, ORDERS, PRODUCTS),
    counted=(ORDERS, PRODUCTS),
    access=Access(owner="sub", scope="profile:read", any_scope="profile:read:any"),
    views=(View("card", Card, needs=(USER, ORDERS), make=make_card),),
)
