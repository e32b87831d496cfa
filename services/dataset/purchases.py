"""The orders, ``order1`` to ``order5000``, and their items.

``user1`` buys most, more than a hundred different products in all; many users have a few orders, some none.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from services.dataset import people
from services.dataset.catalogue import products
from services.dataset.draw import Draw

COUNT: Final = 5000

_FIRST_DAY = datetime(2024, 1, 1, 6, tzinfo=UTC)
_PAUSE_SECONDS = 2 * 365 * 86_400 // COUNT
_ITEM_COUNTS = (1, 1, 1, 2, 2, 2, 3, 3, 4, 5)
_QUANTITIES = (1, 1, 1, 1, 1, 2, 2, 3, 4)
_SETTLED, _ON_THE_WAY, _NEW = (
    ("delivered",) * 12 + ("cancelled",),
    ("shipped", "shipped", "delivered", "cancelled"),
    ("pending", "paid", "paid", "shipped"),
)

# Owner, status, time, and for each product how many.
_NAMED: Final[dict[int, tuple[str, str, datetime, dict[str, int]]]] = {
    123: ("user123", "delivered", datetime(2025, 11, 3, 18, 20, 5, tzinfo=UTC), {"prod1": 1, "prod2": 2}),
    456: ("user123", "shipped", datetime(2025, 12, 22, 7, 45, 31, tzinfo=UTC), {"prod3": 1, "prod2": 1}),
    789: ("user456", "paid", datetime(2025, 12, 29, 12, 1, 48, tzinfo=UTC), {"prod3": 2}),
}


def orders() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One mapping for each order, and one for each item with its order's id and its position from 0."""
    made = list(_orders())
    return [order for order, _ in made], [item for _, items in made for item in items]


def _orders() -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    draw = Draw("orders")
    prices = {product["id"]: product["price"] for product in products()}
    on_sale = list(prices)
    buyers = [user["id"] for user in people.users() if user["id"] not in {"user123", "user456"}]
    for number in range(1, COUNT + 1):
        # Squared, so that the first buyers come up far more often than the last.
        buyer = buyers[int(len(buyers) * draw.share() ** 2)]
        created_at = _FIRST_DAY + timedelta(seconds=number * _PAUSE_SECONDS + draw.below(_PAUSE_SECONDS))
        status = draw.pick(_statuses(number))
        bought = draw.pick_distinct(on_sale, draw.pick(_ITEM_COUNTS))
        quantities = {product: draw.pick(_QUANTITIES) for product in bought}
        if number in _NAMED:
            buyer, status, created_at, quantities = _NAMED[number]
        items = list(_items(f"order{number}", quantities, prices))
        order = {
            "id": f"order{number}",
            "user_id": buyer,
            "status": status,
            "total_amount": sum((item["quantity"] * item["price"] for item in items), Decimal(0)),
            "created_at": created_at,
        }
        yield order, items


def _statuses(number: int) -> tuple[str, ...]:
    if number > COUNT - 40:
        return _NEW
    return _ON_THE_WAY if number > COUNT - 160 else _SETTLED


def _items(order_id: str, quantities: Mapping[str, int], prices: Mapping[str, Decimal]) -> Iterator[dict[str, Any]]:
    for position, (product_id, quantity) in enumerate(quantities.items()):
        yield {
            "order_id": order_id,
            "position": position,
            "product_id": product_id,
            "quantity": quantity,
            "price": prices[product_id],
        }
