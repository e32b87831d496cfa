"""The parts that there are: what each looks like, and whom or what its pieces say they are about."""

from typing import Any, Final

from bff.models import Order, Product, User
from bff.parts.form import Form

USER: Final = Form("user", User, about=lambda user: [user.id])
ORDERS: Final = Form("orders", list[Order], about=lambda orders: [order.user_id for order in orders])
PRODUCTS: Final = Form("products", Product, about=lambda product: [product.id])

OWNED: Final = (USER.kind, ORDERS.kind)
"""Kinds of parts that belong to one user, and go when that user is purged."""

SINGLE: Final[tuple[Form[Any], ...]] = (USER, ORDERS)
"""Parts that one call gives."""
KEYED: Final[tuple[Form[Any], ...]] = (PRODUCTS,)
"""Parts made of things that many subjects share."""
