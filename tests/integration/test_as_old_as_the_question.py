"""Whatever is kept counts as old from the moment in which its service was asked, however late it is stored."""

import asyncio
from itertools import product
from typing import Any, Final

import pytest

from shared.errors import Unreachable
from tests.fixtures.fake_services import FakeServices, order, user
from tests.fixtures.gateway import Clock, Gateway, StartGateway

PROFILE: Final = "/api/profile/user1"
TTL: Final = 30
SERVICES: Final = ("users", "orders", "products")
PART_OF: Final = {"users": "user", "orders": "orders", "products": "products"}


async def _slowly(gateway: Gateway, clock: Clock, slow: str, seconds: float) -> Any:
    """A profile of which one service's answer is on its way for so long."""
    services = gateway.services
    services.gates[slow] = asyncio.Event()
    asking = asyncio.ensure_future(gateway.get(PROFILE))
    asked = {"users", "orders", "products"} if services.users and slow != "orders" else {"users", "orders"}
    while not asked <= {name for name, _ in services.calls}:
        await asyncio.sleep(0)
    clock.now += seconds
    services.gates.pop(slow).set()
    return await asking


@pytest.mark.parametrize(("slow", "seconds"), list(product(SERVICES, [1.0, 12.0, 29.0])))
async def test_an_answer_is_as_old_as_its_oldest_part(start_gateway: StartGateway, slow: str, seconds: float) -> None:
    """It is served until the TTL of what was asked for first is over, and not a moment longer."""
    clock = Clock()
    gateway = await start_gateway(clock=clock, CACHE_TTL_SECONDS=str(TTL))
    asked_at = clock.now
    miss = await _slowly(gateway, clock, slow, seconds)
    assert int(miss.headers["cache-control"].partition("max-age=")[2]) <= TTL - seconds
    gateway.services.failures = {name: Unreachable("gone") for name in SERVICES}
    clock.now = asked_at + TTL * 0.95 - 0.1
    if clock.now > asked_at + seconds:
        assert (await gateway.get(PROFILE)).json()["metadata"]["partial"] is False
    clock.now = asked_at + TTL
    parts = (await gateway.get(PROFILE)).json()["metadata"]["parts"]
    assert "stale" in {part["status"] for part in parts.values()}


@pytest.mark.parametrize(
    ("slow", "seconds"), [("products", 12.0), ("orders", 12.0), ("users", 12.0), ("products", 29.0)]
)
async def test_a_part_is_as_old_as_its_own_question(start_gateway: StartGateway, slow: str, seconds: float) -> None:
    """Also one that has waited for others before it was stored: by what it says itself when it stands in."""
    clock = Clock()
    gateway = await start_gateway(clock=clock, CACHE_TTL_SECONDS=str(TTL), CACHE_STALE_SECONDS="60")
    asked_at = clock.now
    await _slowly(gateway, clock, slow, seconds)
    later = asked_at + seconds if slow == "orders" else asked_at
    age_of = {"users": asked_at, "orders": asked_at, "products": later}
    gateway.services.failures = {name: Unreachable("gone") for name in SERVICES}
    clock.now = asked_at + 59
    parts = (await gateway.get(PROFILE)).json()["metadata"]["parts"]
    for service, at in age_of.items():
        assert parts[PART_OF[service]] == {
            "status": "stale",
            "age": pytest.approx(clock.now - at, abs=0.11),
            "reason": "unavailable",
        }
    clock.now = asked_at + 60
    assert (await gateway.get(PROFILE)).status_code == 503


async def test_products_in_memory_are_as_old_as_their_own_question(start_gateway: StartGateway) -> None:
    """Another user's answer that uses them lives no longer than they do."""
    clock = Clock()
    services = FakeServices.with_profile()
    services.users["user2"] = user("user2")
    services.orders["user2"] = [order("o3", "user2", "p1")]
    gateway = await start_gateway(services, clock=clock, CACHE_TTL_SECONDS=str(TTL))
    asked_at = clock.now
    await _slowly(gateway, clock, "products", 10.0)
    second = await gateway.get("/api/profile/user2")
    assert len(services.batches) == 1
    assert int(second.headers["cache-control"].partition("max-age=")[2]) <= TTL - 10
    clock.now = asked_at + TTL
    await gateway.get("/api/profile/user2")
    assert len(services.batches) == 2


@pytest.mark.parametrize("seconds", [1.0, 4.0, 9.0])
async def test_an_absence_is_as_old_as_its_question(start_gateway: StartGateway, seconds: float) -> None:
    """That there is no such user is kept for less where the answer came late."""
    clock = Clock()
    services = FakeServices()
    gateway = await start_gateway(services, clock=clock, CACHE_NEGATIVE_TTL_SECONDS="10")
    asked_at = clock.now
    assert (await _slowly(gateway, clock, "users", seconds)).status_code == 404
    clock.now = asked_at + 9.4
    assert (await gateway.get(PROFILE)).headers["cache-status"].startswith("memory; hit")
    clock.now = asked_at + 10
    await gateway.get(PROFILE)
    assert [name for name, _ in services.calls].count("users") == 2
