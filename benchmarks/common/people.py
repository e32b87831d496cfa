"""The data behind the benchmark: any user id exists, and has three orders over eight products.

The id says whose products they are: those of ``own-…`` nobody else has, all others buy from one small catalogue. Who is
called ``20kb-…`` has as many orders as make a profile of that many kilobytes.
"""

import re
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Final

import orjson

OWN: Final = "own-"
"""Begins the ids of users each of whom has products of their own."""

_CATALOGUE: Final = tuple(f"prod{number}" for number in range(1, 9))
_BASKETS: Final = (("shipped", (0, 3, 5)), ("delivered", (1, 2, 6)), ("delivered", (4, 7, 0)))
_sized = re.compile(r"([0-9]+)kb-").match
_ORDER_BYTES: Final = 290
_REST_BYTES: Final = 2_200
_MOMENT: Final = "2026-03-14T09:26:53Z"


def user(user_id: str) -> bytes:
    """The user, as the user service sends it."""
    return orjson.dumps(
        {
            "id": user_id,
            "username": f"maria.santos.{user_id}",
            "email": f"maria.santos.{user_id}@mail.invalid",
            "full_name": "Maria de Fátima Santos Oliveira",
            "is_active": True,
            "created_at": _MOMENT,
        }
    )


def products_of(user_id: str) -> tuple[str, ...]:
    """The ids of the products that the user has bought."""
    if user_id.startswith(OWN):
        return tuple(f"{user_id}-{number}" for number in range(1, 9))
    return _CATALOGUE


def orders_of(user_id: str) -> int:
    """How many orders the user has."""
    sized = _sized(user_id)
    return len(_BASKETS) if sized is None else (int(sized[1]) * 1000 - _REST_BYTES) // _ORDER_BYTES


def orders(user_id: str, bought: Sequence[str] = ()) -> bytes:
    """The user's orders of eight products, ``bought`` or those of the user, as the order service sends them."""
    bought = bought or products_of(user_id)
    return orjson.dumps(
        [
            {
                "id": f"order-{user_id}-{number}",
                "user_id": user_id,
                "status": status,
                "total_amount": 129.85,
                "items": [{"product_id": bought[place], "quantity": 1 + place % 3, "price": 24.95} for place in basket],
                "created_at": _MOMENT,
            }
            for number, (status, basket) in enumerate(islice(cycle(_BASKETS), orders_of(user_id)))
        ]
    )


def products(product_ids: list[str]) -> bytes:
    """These products, as the product service sends them."""
    return orjson.dumps(
        [
            {
                "id": product_id,
                "name": "Wool blanket, 130 by 180 cm",
                "description": "Merino wool from a small mill; washable at 30 degrees, moth-proof without treatment.",
                "price": 89.9,
                "category": "home",
                "stock_quantity": 50,
            }
            for product_id in product_ids
        ]
    )


def profile(user_id: str) -> bytes:
    """About what the gateway answers, for a server that has it ready."""
    bought = orjson.loads(products(list(products_of(user_id))))
    return orjson.dumps(
        {
            "user": orjson.loads(user(user_id)),
            "orders": orjson.loads(orders(user_id)),
            "products": {product["id"]: product for product in bought},
            "metadata": {
                "user_id": user_id,
                "orders_count": orders_of(user_id),
                "products_count": len(bought),
                "aggregated_at": _MOMENT,
                "aggregation_time_ms": 1.2,
                "cache_ttl": 30,
                "cached": True,
                "partial": False,
                "parts": {name: {"status": "fresh"} for name in ("user", "orders", "products")},
            },
        }
    )
