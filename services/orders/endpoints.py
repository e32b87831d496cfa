"""The routes of the order service."""

from typing import Any

from sanic import HTTPResponse, Request, Sanic

from services.orders.repository import OrderRepository
from shared import ids, routing
from shared.errors import NotFound

LINKS = {"orders_of_user": "/orders/user/{user_id}", "order": "/orders/{order_id}"}


class OrderEndpoints:
    """``GET /orders/user/{user_id}`` and ``GET /orders/{order_id}``."""

    def __init__(self, orders: OrderRepository) -> None:
        self._orders = orders

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Add the routes to ``app``."""
        routing.get(app, "/orders/user/<user_id>", self._answer_of_user, "orders_of_user")
        routing.get(app, "/orders/<order_id>", self._answer_one, "order")

    async def _answer_of_user(self, _request: Request, user_id: str) -> HTTPResponse:
        return routing.struct_response(await self._orders.of_user(ids.checked("user_id", user_id)))

    async def _answer_one(self, _request: Request, order_id: str) -> HTTPResponse:
        order = await self._orders.one(ids.checked("order_id", order_id))
        if order is None:
            raise NotFound("There is no such order.")
        return routing.struct_response(order)
