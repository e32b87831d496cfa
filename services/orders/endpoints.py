"""The routes of the order service."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic

from services.database import AWAY
from services.orders.idempotency_key import PARAMETER, REUSED, read_key
from services.orders.model import NewItem, NewOrder, Order, OrderItem
from services.orders.repository import OrderRepository, all_kept_as, kept_as
from services.read_cache import ReadCache
from shared import codec, ids
from shared.errors import NotFound
from shared.http import routing
from shared.http.idempotency_key import BAD_KEY
from shared.http.json_body import NO_JSON, other_type, read_json
from shared.http.openapi.operation import Answer, Body, Header, Operation, Parameter, Tag, example_of

LINKS = {"orders_of_user": "/orders/user/{user_id}", "order": "/orders/{order_id}"}

_read_order = codec.decoder(NewOrder)

_EXAMPLE: Final = Order(
    "order123",
    "user123",
    "delivered",
    Decimal("1059.89"),
    [OrderItem("prod1", 1, Decimal("999.99")), OrderItem("prod2", 2, Decimal("29.95"))],
    datetime(2025, 11, 3, 18, 20, 5, tzinfo=UTC),
)
_TAG: Final = Tag("orders", "What users have bought.")
_NOT_FOUND: Final = NotFound("There is no such order.")
_OF_USER: Final = Operation(
    "The orders of a user",
    _TAG,
    (Answer(200, "Newest first; none of an unknown user.", list[Order], examples=example_of([_EXAMPLE])),),
    problems=(ids.TEXT.refusal("user_id"), AWAY),
    parameters=(Parameter.in_path("user_id", ids.TEXT, _EXAMPLE.user_id),),
)
_ONE: Final = Operation(
    "One order",
    _TAG,
    (Answer(200, "The order.", Order, examples=example_of(_EXAMPLE)),),
    problems=(ids.TEXT.refusal("order_id"), _NOT_FOUND, AWAY),
    parameters=(Parameter.in_path("order_id", ids.TEXT, _EXAMPLE.id),),
)
_LOCATION: Final = Header("Location", "Where the order is.", always=True)
_PLACE: Final = Operation(
    "Place an order",
    _TAG,
    (Answer(201, "The order, placed now or before.", Order, headers=(_LOCATION,), examples=example_of(_EXAMPLE)),),
    problems=(BAD_KEY, NO_JSON, other_type(), REUSED, AWAY),
    parameters=(PARAMETER,),
    body=Body(NewOrder, codec.encode(NewOrder(_EXAMPLE.user_id, [NewItem("prod3", 1, 49.9)]))),
)


class OrderEndpoints:
    """``GET /orders/user/{user_id}``, ``GET /orders/{order_id}`` and ``POST /orders``."""

    def __init__(self, orders: OrderRepository, reads: ReadCache) -> None:
        self._orders = orders
        self._reads = reads

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Add the routes to ``app``."""
        routing.get(app, "/orders/user/<user_id>", self._answer_of_user, "orders_of_user", _OF_USER)
        routing.get(app, "/orders/<order_id>", self._answer_one, "order", _ONE)
        routing.post(app, "/orders", self._answer_place, "place_order", _PLACE)

    async def _answer_of_user(self, _request: Request, user_id: str) -> HTTPResponse:
        checked = ids.checked("user_id", user_id)
        orders = await self._reads.get(all_kept_as(checked), lambda: self._orders.list_for_user(checked))
        return routing.encoded_response(orders or b"[]")

    async def _answer_one(self, _request: Request, order_id: str) -> HTTPResponse:
        checked = ids.checked("order_id", order_id)
        order = await self._reads.get(kept_as(checked), lambda: self._orders.get(checked))
        if order is None:
            raise NotFound(_NOT_FOUND.detail)
        return routing.encoded_response(order)

    async def _answer_place(self, request: Request) -> HTTPResponse:
        key, order = read_key(request), read_json(request, _read_order)
        placed = await self._orders.place(key, order)
        return routing.encoded_response(placed.answer, 201, {"Location": f"/orders/{placed.order_id}"})
