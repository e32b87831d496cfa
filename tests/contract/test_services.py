"""Each service gives what the gateway reads from it, read by the gateway's own clients over real sockets."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from bff.settings import GatewaySettings
from bff.upstreams import BATCH_LIMIT, Transports, Upstreams, build_upstreams
from shared.deadline import Deadline
from shared.settings.loading import load
from shared.upstream.transport import Session
from tests.fixtures.processes import StartApp

SERVICES = ("users", "orders", "products")


@pytest.fixture(scope="module")
def service_urls(founded_data: Path, start_app_session: StartApp) -> dict[str, str]:
    """The three services running, by name."""
    return {
        name: start_app_session(f"services.{name}", DATABASE_URL=f"sqlite:///{founded_data / name}.db").url
        for name in SERVICES
    }


@pytest.fixture
async def upstreams(loop: object, service_urls: dict[str, str]) -> AsyncIterator[Upstreams]:
    """The gateway's clients of the running services."""
    async with Session() as session:
        transports = Transports(**{name: session.transport(url) for name, url in service_urls.items()})
        yield build_upstreams(load(GatewaySettings, {"ATTEMPT_TIMEOUT_SECONDS": "2"}), transports)


async def test_users_gives_a_user(upstreams: Upstreams) -> None:
    """A user has every field of the profile."""
    user = await upstreams.users.one("user123", Deadline.after(5))
    assert user is not None
    assert (user.id, user.is_active) == ("user123", True)
    assert user.created_at.utcoffset() is not None
    assert "@" in user.email


async def test_users_says_when_there_is_none(upstreams: Upstreams) -> None:
    """404 means that the user does not exist."""
    assert await upstreams.users.one("nobody", Deadline.after(5)) is None


async def test_orders_gives_a_users_orders_newest_first(upstreams: Upstreams) -> None:
    """Orders come with items, exact totals, and the newest first."""
    orders = await upstreams.orders.of_user("user123", Deadline.after(5))
    assert {order.id for order in orders} == {"order123", "order456"}
    assert orders == sorted(orders, key=lambda order: order.created_at, reverse=True)
    for order in orders:
        assert order.user_id == "user123"
        assert order.total_amount == sum(item.price * item.quantity for item in order.items)


async def test_orders_of_an_unknown_user_are_empty(upstreams: Upstreams) -> None:
    """The order service does not know users; none of theirs is an empty list."""
    assert await upstreams.orders.of_user("nobody", Deadline.after(5)) == []


async def test_products_gives_those_it_knows(upstreams: Upstreams) -> None:
    """A batch answers the known ids, unknown ones left out, prices exact."""
    products = await upstreams.products.batch(["prod1", "nothing", "prod2", "prod1"], Deadline.after(5))
    assert set(products) == {"prod1", "prod2"}
    assert all(product.price == product.price.quantize(Decimal("0.01")) for product in products.values())


async def test_products_takes_as_many_ids_as_the_gateway_sends(upstreams: Upstreams) -> None:
    """The gateway's batch size is within what the service accepts."""
    names = [f"prod{number}" for number in range(1, BATCH_LIMIT + 1)]
    products = await upstreams.products.batch(names, Deadline.after(5))
    assert set(products) == set(names)


@pytest.mark.parametrize("name", SERVICES)
async def test_each_service_tells_its_health(upstreams: Upstreams, name: str) -> None:
    """The gateway's default health path answers 200 on a healthy service."""
    upstream = upstreams.named()[f"{name[:-1]}_service"]
    assert await upstream.healthy(load(GatewaySettings, {}).upstream_health_path)
