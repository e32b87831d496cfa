"""The parts that there are: what each looks like, and whom or what its pieces say they are about."""

from typing import Final

from bff.models import Order, Product, User
from bff.parts.form import Form

USER: Final = Form("user", User, about=lambda user: [user.id])
ORDERS: Final = Form("orders", list[Order], about=lambda orders: [order.user_id for order in orders])
PRODUCTS: Final = Form("products", Product, about=lambda product: [product.id])
