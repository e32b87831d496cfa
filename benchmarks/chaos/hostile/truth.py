"""What is true: all that the services know follows from the id alone, and every field of a thing has its id in it.

So an honest client knows each answer beforehand, and what belongs to somebody else is seen wherever it turns up.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from zlib import crc32

USERS: Final = tuple(f"user{number}" for number in range(240))
REFUSED: Final = tuple(f"refused{number}" for number in range(8))
"""Users with an order of something that makes the product service refuse the whole batch (422)."""
GREEDY: Final = ("greedy0", "greedy1")
"""Users with so many products that no answer ought to have them all."""
GHOST: Final = "ghost"
"""Begins the ids that stand in smuggled requests alone; nobody must ever be asked for one."""
MAIL: Final = "post.example"
"""Ends every address, so that one is seen where none may be."""

_KNOWN: Final = frozenset((*USERS, *REFUSED, *GREEDY))
_SHARED_PRODUCTS: Final = 80
_GREEDY_PRODUCTS: Final = 40_000
_WHEN: Final = "2026-01-02T03:04:05Z"
_IMPOSSIBLE: Final = ("", "../etc/passwd", "a b", "x" * 300, "prod1\r\n", "é", "prod1/..", "\x00")
_is_id = re.compile("[A-Za-z0-9_-]{1,64}").fullmatch


@dataclass(frozen=True)
class Profile:
    """What belongs into the profile of somebody.

    Attributes:
        user: None for somebody who does not exist.
        orders: all of them.
        products: by id those that the product service knows of.
        is_bounded: whether there are too many products for one answer.
    """

    user: Mapping[str, Any] | None
    orders: list[dict[str, Any]]
    products: Mapping[str, Mapping[str, Any]]
    is_bounded: bool


def user(user_id: str) -> dict[str, Any] | None:
    """What the user service knows of somebody."""
    if user_id not in _KNOWN:
        return None
    return {
        "id": user_id,
        "username": f"the-{user_id}",
        "email": f"{user_id}@{MAIL}",
        "full_name": f"Full Name of {user_id}",
        "is_active": True,
        "created_at": _WHEN,
    }


@lru_cache(maxsize=1000)
def orders(user_id: str) -> list[dict[str, Any]]:
    """What the order service knows of somebody."""
    if user_id not in _KNOWN:
        return []
    number = crc32(user_id.encode())
    if user_id in GREEDY:
        return [_order(user_id, 0, [f"g{one}" for one in range(_GREEDY_PRODUCTS)])]
    bought = [
        [f"prod{(number + 7 * order + 11 * item) % _SHARED_PRODUCTS}" for item in range(1 + (number + order) % 3)]
        for order in range(1 + number % 4)
    ]
    bought[0] += [f"of-{user_id}", f"gone{number % 20}"]
    if user_id in REFUSED:
        place = REFUSED.index(user_id)
        bought[-1].append(f"poison{place}" if place % 2 else _IMPOSSIBLE[place % len(_IMPOSSIBLE)])
    return [_order(user_id, place, ids) for place, ids in enumerate(bought)]


def product(product_id: str) -> dict[str, Any] | None:
    """What the product service knows of a product."""
    if not product_id.startswith(("prod", "of-", "g")) or product_id.startswith("gone") or not _is_id(product_id):
        return None
    return {
        "id": product_id,
        "name": f"Name of {product_id}",
        "description": f"All about {product_id}",
        "price": 1 + crc32(product_id.encode()) % 1000 / 4,
        "category": f"with {product_id}",
        "stock_quantity": 3,
    }


def is_refused(product_id: str) -> bool:
    """Whether the product service refuses every batch with this id in it."""
    return product_id.startswith("poison") or not _is_id(product_id)


@lru_cache(maxsize=1000)
def profile(user_id: str) -> Profile:
    """What a complete answer says of somebody."""
    has = orders(user_id)
    bought = dict.fromkeys(item["product_id"] for order in has for item in order["items"])
    known = {one: known for one in bought if (known := product(one)) is not None}
    return Profile(user(user_id), has, known, user_id in GREEDY)


def _order(user_id: str, place: int, bought: list[str]) -> dict[str, Any]:
    return {
        "id": f"order-{user_id}-{place}",
        "user_id": user_id,
        "status": f"sent to {user_id}",
        "total_amount": 10.5 + place,
        "items": [{"product_id": one, "quantity": 1, "price": 10.5} for one in bought],
        "created_at": _WHEN,
    }
