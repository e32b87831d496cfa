"""``POST /orders``: each order is placed once, however often it is sent, and the same is answered each time."""

import asyncio
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from tests.services.conftest import StartService, assert_problem, until_ready
from tests.services.kinds import ORDERS, Databases, execute

ORDER: Mapping[str, Any] = {
    "user_id": "user123",
    "items": [
        {"product_id": "prod1", "quantity": 3, "price": 0.1},
        {"product_id": "prod2", "quantity": 1, "price": 999999.99},
    ],
}
LONG = {"READ_CACHE_SECONDS": "60"}


def _order(**changes: Any) -> dict[str, Any]:
    return {**ORDER, **changes}


def _item(**changes: Any) -> dict[str, Any]:
    return _order(items=[{**ORDER["items"][0], **changes}])


async def _place(client: Any, body: object, key: str | None = "a-key", **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {} if key is None else {"Idempotency-Key": key}
    return await client.post("/orders", content=content, headers={"Content-Type": "application/json"} | named | headers)


async def _orders(client: Any) -> list[Any]:
    found: list[Any] = (await client.get("/orders/user/user123")).json()
    return found


async def test_an_order_is_placed(start_new: StartService) -> None:
    """It is the newest of its user, as it was sent, with the exact sum, and to be found where ``Location`` says."""
    client = await start_new(ORDERS)
    answer = await _place(client, ORDER)
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
    order = answer.json()
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", order["id"])
    assert order == {
        **ORDER,
        "id": order["id"],
        "status": "pending",
        "total_amount": 1000000.29,
        "created_at": order["created_at"],
    }
    assert b'"total_amount":1000000.29,' in answer.content
    assert answer.headers["location"] == f"/orders/{order['id']}"
    assert (await client.get(answer.headers["location"])).content == answer.content
    orders = await _orders(client)
    assert [one["id"] for one in orders] == [order["id"], "order456", "order123"]
    assert orders[0] == order


async def test_sums_are_exact(start_new: StartService) -> None:
    """A hundred items of ten thousand pieces each, in whole cents."""
    client = await start_new(ORDERS)
    items = [{"product_id": f"p{n}", "quantity": 10_000, "price": round(999_999 + n / 100, 2)} for n in range(100)]
    order = json.loads((await _place(client, _order(items=items))).content, parse_float=Decimal)
    assert order["total_amount"] == sum(item["quantity"] * item["price"] for item in order["items"])
    assert [item["price"] for item in order["items"]] == [Decimal(f"{item['price']:.2f}") for item in items]


async def test_sent_again_it_is_answered_the_same(databases: Databases, start_at: StartService) -> None:
    """Quoted or not, written otherwise, and after a restart in another process: byte for byte, and there is one."""
    address = databases.empty()
    client = await start_at(address, ORDERS)
    await until_ready(client)
    first = await _place(client, ORDER)
    again = [await _place(client, ORDER), await _place(client, json.dumps(ORDER, indent=3).encode(), '"a-key"')]
    restarted = await start_at(address, ORDERS)
    await until_ready(restarted)
    again.append(await _place(restarted, _order(items=[dict(reversed(item.items())) for item in ORDER["items"]])))
    for answer in again:
        assert (answer.status_code, answer.content) == (201, first.content)
        assert answer.headers["location"] == first.headers["location"]
    assert len(await _orders(restarted)) == 3


async def test_another_key_is_another_order(start_new: StartService) -> None:
    """However alike they are; case matters."""
    client = await start_new(ORDERS)
    placed = [(await _place(client, ORDER, key)).json()["id"] for key in ("a", "A", "b", "!", "~" * 255, "a" * 255)]
    assert len(set(placed)) == len(placed)


async def test_a_key_is_of_one_order(start_new: StartService) -> None:
    """Another body under it is refused, in whatever it differs, and nothing has become of that."""
    client = await start_new(ORDERS)
    await _place(client, ORDER)
    others = [_order(user_id="user456"), _item(), _item(quantity=4), _order(items=ORDER["items"][::-1])]
    for other in others:
        assert_problem(await _place(client, other), 422, "unprocessable", "Idempotency-Key")
    assert len(await _orders(client)) == 3


async def test_without_a_key_there_is_no_order(start_service: StartService) -> None:
    """Nor with two, nor with what is none."""
    client = await start_service(ORDERS)
    before = await _orders(client)
    for key in (None, "", '""', "two words", '"unfinished', 'quote"d', "a" * 256, "tab\there"):
        assert_problem(await _place(client, ORDER, key), 400, "invalid-input", "Idempotency-Key")
    headers = [("Content-Type", "application/json"), ("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    answer = await client.post("/orders", content=json.dumps(ORDER).encode(), headers=headers)
    assert_problem(answer, 400, "invalid-input", "Idempotency-Key")
    assert await _orders(client) == before


REFUSED: list[tuple[object, int, str]] = [
    (b"", 400, "invalid-input"),
    (b"{", 400, "invalid-input"),
    (b"[]", 422, "unprocessable"),
    (b"null", 422, "unprocessable"),
    ({}, 422, "unprocessable"),
    (_order(user_id=None), 422, "unprocessable"),
    (_order(user_id="no.id"), 422, "unprocessable"),
    (_order(user_id="x" * 65), 422, "unprocessable"),
    (_order(items=[]), 422, "unprocessable"),
    (_order(items=None), 422, "unprocessable"),
    (_order(items=[ORDER["items"][0]] * 101), 422, "unprocessable"),
    (_order(items=["prod1"]), 422, "unprocessable"),
    (_order(status="paid"), 422, "unprocessable"),
    (_order(id="mine"), 422, "unprocessable"),
    (_order(total_amount=1), 422, "unprocessable"),
    *(
        (_item(**{name: value}), 422, "unprocessable")
        for name, values in {
            "product_id": (None, "", "a b", 1, "x" * 65),
            "quantity": (None, 0, -1, 1.5, "2", True, 10_001, 10**30),
            "price": (None, -0.01, "9.99", 9.999, 1_000_000.01, True, 1e300),
            "position": (1,),
        }.items()
        for value in values
    ),
    (b'{"user_id":"user123","items":[{"product_id":"a","quantity":1,"price":1e999}]}', 422, "unprocessable"),
    (b" " * 70_000, 413, "too-large"),
]


async def test_what_is_no_order_is_refused(start_service: StartService) -> None:
    """And its key is as good as new."""
    client = await start_service(ORDERS)
    before = await _orders(client)
    for body, status, word in REFUSED:
        assert_problem(await _place(client, body, "refused"), status, word)
    for media_type in ("text/plain", "application/merge-patch+json", ""):
        answer = await _place(client, ORDER, "refused", **{"Content-Type": media_type})
        assert_problem(answer, 415, "unsupported-media-type")
        assert answer.headers["accept"] == "application/json"
    assert await _orders(client) == before


async def test_sent_twice_at_once_it_is_placed_once(start_new: StartService) -> None:
    """Whoever comes second waits for the first, and is answered the same."""
    client = await start_new(ORDERS, DATABASE_TIMEOUT_SECONDS="60")
    answers = await asyncio.gather(*(_place(client, ORDER) for _ in range(10)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert len(await _orders(client)) == 3


async def test_of_two_orders_at_once_one_has_the_key(start_new: StartService) -> None:
    """The others are refused."""
    client = await start_new(ORDERS, DATABASE_TIMEOUT_SECONDS="60")
    answers = await asyncio.gather(*(_place(client, _item(quantity=number)) for number in range(1, 7)))
    assert sorted(answer.status_code for answer in answers) == [201, *[422] * 5]
    assert len(await _orders(client)) == 3


async def test_a_callers_own_next_read_sees_the_order(start_new: StartService) -> None:
    """However long what was read before might be given again."""
    client = await start_new(ORDERS, **LONG)
    for _ in range(4):
        await _orders(client)
    placed = (await _place(client, ORDER)).json()["id"]
    for _ in range(4):
        assert (await _orders(client))[0]["id"] == placed


async def test_a_key_is_known_for_a_day(databases: Databases, start_at: StartService) -> None:
    """Then it is new again, whether or not it has been forgotten."""
    address = databases.empty()
    client = await start_at(address, ORDERS)
    await until_ready(client)
    first = (await _place(client, ORDER)).json()["id"]
    await execute(address, f"UPDATE idempotency_keys SET placed_at = {_ago(address, 23)}")  # noqa: S608
    assert (await _place(client, ORDER)).json()["id"] == first
    await execute(address, f"UPDATE idempotency_keys SET placed_at = {_ago(address, 25)}")  # noqa: S608
    assert (await _place(client, _item())).json()["id"] != first
    assert await execute(address, "SELECT count(*) FROM idempotency_keys") == [(1,)]


def _ago(address: str, hours: int) -> str:
    """So long before now, as the database stores it."""
    if address.startswith("sqlite"):
        return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-{hours} hours')"
    return f"now() - interval '{hours} hours'"


async def test_without_a_database_nothing_is_ordered(start_at: StartService) -> None:
    """503; what is wrong with the request is told all the same."""
    client = await start_at("postgresql://nobody@127.0.0.1:9/nothing", ORDERS)
    assert_problem(await _place(client, ORDER), 503, "service-unavailable", "database")
    assert_problem(await _place(client, ORDER, None), 400, "invalid-input")


@pytest.mark.parametrize("milliseconds", ["0", "-1"])
async def test_a_caller_without_time_orders_nothing(start_new: StartService, milliseconds: str) -> None:
    """What is no time is passed over."""
    client = await start_new(ORDERS)
    before = await _orders(client)
    answer = await _place(client, _order(user_id="user789"), "time", **{"X-Request-Timeout-Ms": milliseconds})
    assert answer.status_code == (503 if milliseconds == "0" else 201)
    assert await _orders(client) == before
