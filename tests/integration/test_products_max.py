"""However many products somebody has ordered, one request asks for a bounded number, so many at once."""

import asyncio
from typing import Final

import pytest

from shared.errors import SettingsError
from tests.fixtures.fake_services import FakeServices, order, product, user
from tests.fixtures.gateway import StartGateway

PROFILE: Final = "/api/profile/user1"
_LONG: Final = {"REQUEST_BUDGET_SECONDS": "30", "ATTEMPT_TIMEOUT_SECONDS": "30"}


def _services(number: int, an_order: int = 7) -> FakeServices:
    names = [f"p{one}" for one in range(number)]
    services = FakeServices.with_profile()
    starts = range(0, number, an_order)
    services.orders["user1"] = [order(f"o{at}", "user1", *names[at : at + an_order], names[0]) for at in starts]
    services.products = {name: product(name) for name in names}
    return services


@pytest.mark.parametrize(
    ("number", "most", "calls"), [(11, 10, 1), (10, 10, 1), (250, 120, 2), (3, 1, 1), (1001, 1000, 10)]
)
async def test_beyond_the_bound_the_products_are_partial(
    start_gateway: StartGateway, number: int, most: int, calls: int
) -> None:
    """The first ones in the document are there, the rest is not asked for; at the bound all is well."""
    services = _services(number)
    answer = await (await start_gateway(services, PRODUCTS_MAX=str(most))).get(PROFILE)
    document = answer.json()
    assert list(document["products"]) == [f"p{one}" for one in range(min(number, most))]
    assert len(document["orders"]) == len(services.orders["user1"])
    assert len(services.batches) == calls
    part = {"status": "partial", "reason": "too_many"} if number > most else {"status": "fresh"}
    assert document["metadata"]["parts"]["products"] == part
    assert document["metadata"]["partial"] is (number > most)
    assert (answer.headers["cache-control"] == "no-store") is (number > most)


async def test_the_default_is_a_thousand(start_gateway: StartGateway) -> None:
    """40,000 ids are ten calls."""
    services = _services(40_000, an_order=1_000)
    document = (await (await start_gateway(services, **_LONG)).get(PROFILE)).json()
    assert document["metadata"]["products_count"] == 1_000
    assert len(services.batches) == 10


@pytest.mark.parametrize(("concurrency", "at_once"), [(1, 1), (3, 1), (4, 1), (8, 2), (20, 5), (400, 10)])
async def test_one_request_has_a_quarter_of_the_slots(
    start_gateway: StartGateway, concurrency: int, at_once: int
) -> None:
    """So many of its batches are asked for at once, the later ones wait; in the end all are there."""
    services = _services(1_000)
    services.gates["products"] = asyncio.Event()
    gateway = await start_gateway(services, UPSTREAM_CONCURRENCY=str(concurrency), **_LONG)
    asked = asyncio.ensure_future(gateway.get(PROFILE))
    while len(services.batches) < at_once:
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(services.batches) == at_once
    services.gates["products"].set()
    document = (await asked).json()
    assert document["metadata"]["parts"]["products"] == {"status": "fresh"}
    assert len(services.batches) == 10


async def test_who_waits_for_a_turn_may_be_joined(start_gateway: StartGateway) -> None:
    """An id in a batch that has not been asked for yet is not asked for by another request either."""
    services = _services(1_000)
    services.users["user2"] = user("user2")
    services.orders["user2"] = [order("o", "user2", "p999")]
    services.gates["products"] = asyncio.Event()
    gateway = await start_gateway(services, UPSTREAM_CONCURRENCY="4", **_LONG)
    first = asyncio.ensure_future(gateway.get(PROFILE))
    while not services.batches:
        await asyncio.sleep(0)
    second = asyncio.ensure_future(gateway.get("/api/profile/user2"))
    while len(services.calls) < 5:
        await asyncio.sleep(0)
    services.gates["products"].set()
    assert (await first).json()["metadata"]["partial"] is False
    assert list((await second).json()["products"]) == ["p999"]
    assert len(services.batches) == 10


async def test_who_leaves_takes_what_waits_for_a_turn_along(start_gateway: StartGateway) -> None:
    """The deadline ends the calls that nobody else waits for, also those that have not begun."""
    services = _services(1_000)
    services.gates["products"] = asyncio.Event()
    gateway = await start_gateway(
        services, UPSTREAM_CONCURRENCY="4", REQUEST_BUDGET_SECONDS="1", ATTEMPT_TIMEOUT_SECONDS="1"
    )
    document = (await gateway.get(PROFILE)).json()
    assert document["metadata"]["parts"]["products"] == {"status": "missing", "reason": "timeout"}
    services.gates["products"].set()
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(services.batches) == 1


@pytest.mark.parametrize("value", ["0", "-1", "100001", "many", "1.5"])
async def test_the_bound_is_a_whole_number(start_gateway: StartGateway, value: str) -> None:
    """Anything else is a mistake that is told at the start."""
    with pytest.raises(SettingsError, match="PRODUCTS_MAX"):
        await start_gateway(PRODUCTS_MAX=value)
