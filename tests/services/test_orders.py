"""The order service's routes."""

import json
from decimal import Decimal

from tests.services.bad_ids import BAD_IDS
from tests.services.conftest import StartService, assert_problem
from tests.services.kinds import ORDERS

ORDER_456 = {
    "id": "order456",
    "user_id": "user123",
    "status": "shipped",
    "total_amount": 79.85,
    "items": [
        {"product_id": "prod3", "quantity": 1, "price": 49.9},
        {"product_id": "prod2", "quantity": 1, "price": 29.95},
    ],
    "created_at": "2025-12-22T07:45:31Z",
}


async def test_an_order_has_exactly_the_fields_of_the_contract(start_service: StartService) -> None:
    """Items come in the order in which they were bought."""
    answer = await (await start_service(ORDERS)).get("/orders/order456")
    assert answer.status_code == 200
    assert answer.json() == ORDER_456


async def test_a_users_orders_come_newest_first(start_service: StartService) -> None:
    """user123 has order456 and, before it, order123; together they hold the three named products."""
    orders = (await (await start_service(ORDERS)).get("/orders/user/user123")).json()
    assert [order["id"] for order in orders] == ["order456", "order123"]
    assert orders[0] == ORDER_456
    assert {item["product_id"] for order in orders for item in order["items"]} == {"prod1", "prod2", "prod3"}


async def test_the_third_named_order_is_the_other_users(start_service: StartService) -> None:
    """user456 has order789 and nothing else."""
    orders = (await (await start_service(ORDERS)).get("/orders/user/user456")).json()
    assert [(order["id"], order["user_id"]) for order in orders] == [("order789", "user456")]


async def test_many_orders_are_whole_exact_and_sorted(start_service: StartService) -> None:
    """The busiest buyer has more than a hundred products; every total is the sum of its items to the cent."""
    answer = await (await start_service(ORDERS)).get("/orders/user/user1")
    orders = json.loads(answer.content, parse_float=Decimal)
    for order in orders:
        prices = [order["total_amount"], *(item["price"] for item in order["items"])]
        assert all(isinstance(price, Decimal) and price.as_tuple().exponent == -2 for price in prices)
        assert order["total_amount"] == sum(item["quantity"] * item["price"] for item in order["items"])
        assert order["user_id"] == "user1"
    times = [(order["created_at"], order["id"]) for order in orders]
    assert times == sorted(times, reverse=True)
    assert len({item["product_id"] for order in orders for item in order["items"]}) > 100


async def test_an_unknown_users_orders_are_an_empty_list(start_service: StartService) -> None:
    """The order service does not know who exists."""
    answer = await (await start_service(ORDERS)).get("/orders/user/nobody")
    assert (answer.status_code, answer.content) == (200, b"[]")


async def test_an_unknown_order_is_404(start_service: StartService) -> None:
    """``/orders/user`` is the order of that id, which does not exist."""
    client = await start_service(ORDERS)
    for order_id in ("nothing", "user", "order0", "ORDER123"):
        assert_problem(await client.get(f"/orders/{order_id}"), 404, "not-found", "order")


async def test_bad_ids_are_400(start_service: StartService) -> None:
    """Both routes refuse what is no identifier, naming the parameter."""
    client = await start_service(ORDERS)
    for bad_id in BAD_IDS:
        assert_problem(await client.get(f"/orders/{bad_id}"), 400, "invalid-input", "order_id")
        assert_problem(await client.get(f"/orders/user/{bad_id}"), 400, "invalid-input", "user_id")
