"""The sample data, as it is before any database."""

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

from services import dataset
from services.dataset import catalogue, people, purchases

# Who changes the data raises dataset.VERSION, then this.
FINGERPRINT = (1, "68171a89553adb0b")


def _fingerprint() -> str:
    rows = [people.users(), catalogue.products(), *purchases.orders()]
    return hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()[:16]


def test_the_data_is_the_same_everywhere() -> None:
    """The version stands for exactly these rows."""
    assert (dataset.VERSION, _fingerprint()) == FINGERPRINT


def test_there_are_a_thousand_users() -> None:
    """user1 to user1000, each with a name and an address of their own; most are active."""
    users = people.users()
    assert [user["id"] for user in users] == [f"user{number}" for number in range(1, 1001)]
    assert len({user["username"] for user in users}) == len({user["email"] for user in users}) == 1000
    assert all(user["username"].isascii() and " " not in user["username"] for user in users)
    assert 900 < sum(user["is_active"] for user in users) < 980


def test_there_are_two_hundred_products() -> None:
    """prod1 to prod200, each with a name of its own, in several categories, priced in whole cents."""
    products = catalogue.products()
    assert [product["id"] for product in products] == [f"prod{number}" for number in range(1, 201)]
    assert len({product["name"] for product in products}) == 200
    assert len({product["category"] for product in products}) == 6
    assert all(product["price"] > 0 and product["price"].as_tuple().exponent == -2 for product in products)
    assert any(product["stock_quantity"] == 0 for product in products)


def test_there_are_five_thousand_orders_of_known_users_and_products() -> None:
    """order1 to order5000; each piece costs what the catalogue says."""
    orders, items = purchases.orders()
    prices = {product["id"]: product["price"] for product in catalogue.products()}
    users = {user["id"] for user in people.users()}
    assert [order["id"] for order in orders] == [f"order{number}" for number in range(1, 5001)]
    assert {order["user_id"] for order in orders} <= users
    assert all(item["price"] == prices[item["product_id"]] for item in items)


def test_totals_are_the_sums_of_their_items() -> None:
    """To the cent, over one to five different products an order."""
    orders, items = purchases.orders()
    sums: Counter[str] = Counter()
    bought: dict[str, list[str]] = {}
    for item in items:
        sums[item["order_id"]] += item["quantity"] * item["price"]
        bought.setdefault(item["order_id"], []).append(item["product_id"])
    assert {order["id"]: order["total_amount"] for order in orders} == dict(sums)
    assert all(1 <= len(products) <= 5 and len(set(products)) == len(products) for products in bought.values())


def test_orders_follow_their_users() -> None:
    """Nobody bought before they signed up or after the data was made; all statuses occur."""
    since = {user["id"]: user["created_at"] for user in people.users()}
    orders, _ = purchases.orders()
    assert all(since[order["user_id"]] < order["created_at"] < datetime(2026, 1, 1, tzinfo=UTC) for order in orders)
    assert {order["status"] for order in orders} == {"pending", "paid", "shipped", "delivered", "cancelled"}


def test_the_named_orders_belong_to_the_named_users() -> None:
    """user123 has two orders with three products between them, user456 one."""
    orders, items = purchases.orders()
    owned = {user: [o["id"] for o in orders if o["user_id"] == user] for user in ("user123", "user456")}
    assert owned == {"user123": ["order123", "order456"], "user456": ["order789"]}
    bought = {item["product_id"] for item in items if item["order_id"] in owned["user123"]}
    assert bought == {"prod1", "prod2", "prod3"}
    assert sum(o["total_amount"] for o in orders if o["user_id"] == "user123") == Decimal("1139.74")


def test_load_is_uneven_as_in_life() -> None:
    """One user has more than a hundred different products, some users have no order at all."""
    orders, items = purchases.orders()
    counts = Counter(order["user_id"] for order in orders)
    busiest = {order["id"] for order in orders if order["user_id"] == "user1"}
    assert counts.most_common(1)[0][0] == "user1"
    assert len({item["product_id"] for item in items if item["order_id"] in busiest}) > 100
    assert 0 < 1000 - len(counts) < 200
