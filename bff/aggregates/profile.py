"""The profile: a user, the user's orders, and the products in those orders."""

import asyncio
from collections.abc import Mapping

from bff.aggregates.kind import AggregateKind
from bff.forms import ORDERS, PRODUCTS, USER
from bff.models import Order, Product
from bff.parts.by_id import ById
from bff.parts.part import Aggregate, Part
from bff.sources import Sources
from shared.errors import NotFound, ServiceUnavailable

RETRY_AFTER_SECONDS = 2

_Products = Mapping[str, Product]


async def load_profile(user_id: str, sources: Sources) -> Aggregate:
    """User and orders are asked at once, products as soon as the orders are known.

    Raises:
        NotFound: the user service says that there is no such user.
        ServiceUnavailable: neither the user nor the orders could be had.
    """
    shopping = asyncio.create_task(_orders_and_products(user_id, sources))
    try:
        user = await sources.user(user_id)
        if user.status == "fresh" and user.value is None:
            raise NotFound("There is no such user.")
        orders, products = await shopping
    finally:
        shopping.cancel()
    if user.value is None and orders.value is None:
        raise ServiceUnavailable("Neither the user nor the orders can be had at the moment.", RETRY_AFTER_SECONDS)
    return Aggregate({"user": user, "orders": orders, "products": products})


async def _orders_and_products(user_id: str, sources: Sources) -> tuple[Part[list[Order]], Part[_Products]]:
    orders = await sources.orders(user_id)
    if orders.value is None:
        return orders, Part.missing(orders.reason)  # which products they are is as unknown as the orders
    return orders, await sources.products([item.product_id for order in orders.value for item in order.items])


PROFILE = AggregateKind(
    name="profile",
    path="/api/profile",
    parameter="user_id",
    parts={"user": USER, "orders": ORDERS, "products": ById(PRODUCTS)},
    load=load_profile,
    counted=("orders", "products"),
)
