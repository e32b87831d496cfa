"""What is changed now and then, so that events can be seen. Pure; nothing is sent here."""

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

from deploy.demo.calls import Call, Target
from services.dataset import catalogue, people

PRICE_EVERY = 3
ORDER_EVERY = 10
NAME_EVERY = 10
"""In one of so many cycles."""


def changes(number: int) -> Iterator[Call]:
    """Yield the changes of a cycle: a price, a user's name, an order, or none of them."""
    if number % PRICE_EVERY == 0:
        product = _products()[number // PRICE_EVERY % catalogue.COUNT]
        # A little above what it was at first, each time by something else.
        price = product["price"] + Decimal(number % 97 + 1) / 100
        yield _change(Target.PRODUCTS, f"/products/{product['id']}", {"price": float(price)})
    if number % NAME_EVERY == 1:
        user = _users()[number // NAME_EVERY % people.COUNT]
        titled = number // NAME_EVERY // people.COUNT % 2 == 0
        name = f"Dr. {user['full_name']}" if titled else user["full_name"]
        yield _change(Target.USERS, f"/users/{user['id']}", {"full_name": name})
    if number % ORDER_EVERY == 2:
        turn = number // ORDER_EVERY
        product = _products()[turn % catalogue.COUNT]
        item = {"product_id": product["id"], "quantity": turn % 3 + 1, "price": float(product["price"])}
        body = {"user_id": _users()[turn % people.COUNT]["id"], "items": [item]}
        yield Call(Target.ORDERS, "/orders", "POST", json.dumps(body).encode(), keyed=True)


def _change(target: Target, path: str, patch: dict[str, object]) -> Call:
    return Call(target, path, "PATCH", json.dumps(patch).encode())


@cache
def _products() -> list[dict[str, Any]]:
    return catalogue.products()


@cache
def _users() -> list[dict[str, Any]]:
    return people.users()
