"""Each service gives what the gateway reads from it, read by the gateway's own clients over real sockets."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest

from bff.aggregates import AGGREGATES
from bff.app import gateway_cache
from bff.parts.single import SinglePart
from bff.parts.sources import PartSources, Sources
from bff.parts.store import PartStore
from bff.settings import DECLARED, GatewaySettings
from bff.sources.orders import ORDERS
from bff.sources.products import PRODUCTS, Product
from bff.sources.users import USER
from bff.upstreams import build_sources, build_transports, build_upstreams
from shared.cache.cache import Cache
from shared.cache.loader import Loading
from shared.cache.throttle import Throttle
from shared.deadline import Deadline
from shared.settings.loading import load
from shared.upstream.logical import Upstream
from shared.upstream.transport.session import Session
from tests.fixtures.processes import StartApp

SERVICES = ("users", "orders", "products")

T = TypeVar("T")


@dataclass(frozen=True)
class _Gateway:
    """What a gateway asks its services by."""

    sources: PartSources
    upstreams: Mapping[str, Upstream]
    cache: Cache
    settings: GatewaySettings

    async def fresh(self, part: SinglePart[T], user_id: str) -> T | None:
        """The value of a part that comes from its service now."""
        taken = await self._taking().take(part, user_id)
        assert (taken.status, taken.reason) == ("fresh", None)
        return taken.value

    async def things(self, *names: str) -> Mapping[str, Product]:
        """The products by these names, which come from their service now."""
        taken = await self._taking().take(PRODUCTS, names)
        assert (taken.status, taken.reason) == ("fresh", None)
        assert taken.value is not None
        return taken.value

    def _taking(self) -> Sources:
        token = self.cache.issue_token(self.cache.keys.entry("aggregate.profile", "user123"))
        return self.sources.of(Loading(Deadline.after(5, self.cache.clock), False, token, self.cache))


@pytest.fixture(scope="module")
def service_urls(founded_data: Path, start_app_session: StartApp) -> dict[str, str]:
    """The three services running, by name."""
    return {
        name: start_app_session(f"services.{name}", DATABASE_URL=f"sqlite:///{founded_data / name}.db").url
        for name in SERVICES
    }


@pytest.fixture
async def gateway(loop: object, service_urls: dict[str, str]) -> AsyncIterator[_Gateway]:
    """What the gateway asks the running services by."""
    named = {f"{name[:-1].upper()}_SERVICE_URL": url for name, url in service_urls.items()}
    settings = load(GatewaySettings, {"ATTEMPT_TIMEOUT_SECONDS": "2", **named})
    cache = gateway_cache(settings, AGGREGATES)
    async with Session() as session, cache:
        upstreams = build_upstreams(DECLARED, settings, build_transports(settings, session))
        store = PartStore(cache, Throttle(1.0, 100), ttl=30, stale=600)
        yield _Gateway(build_sources(DECLARED, settings, upstreams, store), upstreams, cache, settings)


async def test_users_gives_a_user(gateway: _Gateway) -> None:
    """A user has every field of the profile."""
    user = await gateway.fresh(USER, "user123")
    assert user is not None
    assert (user.id, user.is_active) == ("user123", True)
    assert user.created_at.utcoffset() is not None
    assert "@" in user.email


async def test_users_says_when_there_is_none(gateway: _Gateway) -> None:
    """404 means that the user does not exist."""
    assert await gateway.fresh(USER, "nobody") is None


async def test_orders_gives_a_users_orders_newest_first(gateway: _Gateway) -> None:
    """Orders come with items, exact totals, and the newest first."""
    orders = await gateway.fresh(ORDERS, "user123")
    assert orders is not None
    assert {order.id for order in orders} == {"order123", "order456"}
    assert orders == sorted(orders, key=lambda order: order.created_at, reverse=True)
    for order in orders:
        assert order.user_id == "user123"
        assert order.total_amount == sum(item.price * item.quantity for item in order.items)


async def test_orders_of_an_unknown_user_are_empty(gateway: _Gateway) -> None:
    """The order service does not know users; none of theirs is an empty list."""
    assert await gateway.fresh(ORDERS, "nobody") == []


async def test_products_gives_those_it_knows(gateway: _Gateway) -> None:
    """A batch answers the known ids, unknown ones left out, prices exact."""
    products = await gateway.things("prod1", "nothing", "prod2", "prod1")
    assert set(products) == {"prod1", "prod2"}
    assert all(product.price == product.price.quantize(Decimal("0.01")) for product in products.values())


async def test_products_takes_as_many_ids_as_the_gateway_sends(gateway: _Gateway) -> None:
    """The gateway's batch size is within what the service accepts."""
    names = [f"prod{number}" for number in range(1, PRODUCTS.max_batch + 1)]
    assert set(await gateway.things(*names)) == set(names)


@pytest.mark.parametrize("name", DECLARED.services)
async def test_each_service_tells_its_health(gateway: _Gateway, name: str) -> None:
    """The gateway's default health path answers 200 on a healthy service."""
    assert (await gateway.upstreams[name].health(gateway.settings.health_path(name))).suffices
