"""The routes of the order service."""

from typing import Any

from sanic import HTTPResponse, Request, Sanic

from services.orders.repository import OrderRepository
from services.read_cache import ReadCache
from shared import ids
from shared.errors import NotFound
from shared.http import routing

LINKS = {"orders_of_user": "/orders/user/{user_id}", "order": "/orders/{order_id}"}


class OrderEndpoints:
    """``GET /orders/user/{user_id}`` and ``GET /orders/{order_id}``."""

    def __init__(self, orders: OrderRepository, reads: ReadCache) -> None:
        self._orders = orders
        self._reads = reads

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Add the routes to ``app``."""
        routing.get(app, "/orders/user/<user_id>", self._answer_of_user, "orders_of_user")
        routing.get(app, "/orders/<order_id>", self._answer_one, "order")

    async def _answer_of_user(self, _request: Request, user_id: str) -> HTTPResponse:
        checked = ids.checked("user_id", user_id)
        orders = await self._reads.get(f"of:{checked}", lambda: self._orders.list_for_user(checked))
        return routing.encoded_response(orders or b"[]")

    async def _answer_one(self, _request: Request, order_id: str) -> HTTPResponse:
        checked = ids.checked("order_id", order_id)
        order = await self._reads.get(f"order:{checked}", lambda: self._orders.get(checked))
        if order is None:
            raise NotFound("There is no such order.")
        return routing.encoded_response(order)
