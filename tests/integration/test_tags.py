"""Purges by tag: whatever shows a thing is put together anew, in every process, and nothing else is."""

import asyncio
from typing import Any, Final

import pytest

from shared.errors import Unreachable
from tests.fixtures import fake_services
from tests.fixtures.fake_services import FakeServices, order, user
from tests.fixtures.gateway import Clock, Gateway, StartGateway
from tests.fixtures.redis_server import RedisServer

TOKEN: Final = "a-secret-token"
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}
BUYERS, OTHER = ("user1", "user2"), "user3"


def _services() -> FakeServices:
    """Two users have bought one thing, a third one another."""
    names = (*BUYERS, OTHER)
    return FakeServices(
        users={name: user(name) for name in names},
        orders={name: [order(f"o-{name}", name, "p2" if name == OTHER else "p1")] for name in names},
        products={name: fake_services.product(name) for name in ("p1", "p2")},
    )


async def _start(start_gateway: StartGateway, services: FakeServices, redis: str, **settings: str) -> Gateway:
    gateway = await start_gateway(services, REDIS_URL=redis, ADMIN_TOKEN=TOKEN, **settings)
    while redis and (await gateway.get("/api/cache/stats")).json()["tiers"]["redis"]["state"] != "up":
        pass
    return gateway


async def _get(gateway: Gateway, name: str, query: str = "") -> Any:
    return (await gateway.get(f"/api/profile/{name}{query}")).json()


async def _purge(gateway: Gateway, tag: str, query: str = "") -> None:
    answer = await gateway.client.delete(f"/api/cache/tags/{tag}{query}", headers=BEARER)
    assert answer.status_code == 204


async def _until_cached(gateway: Gateway, name: str, query: str = "") -> None:
    while not (await _get(gateway, name, query))["metadata"]["cached"]:
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("query", ["", "?mode=soft", "?mode=hard"])
async def test_a_change_of_one_thing_reaches_all_who_show_it(
    start_gateway: StartGateway, redis_server: RedisServer, query: str
) -> None:
    """In both gateways, at once; those who do not show it, and views that do not, are still cached."""
    services = _services()
    one, other = [await _start(start_gateway, services, redis_server.url) for _ in range(2)]
    for gateway in (one, other):
        for name in (*BUYERS, OTHER):
            await _until_cached(gateway, name)
        await _until_cached(gateway, BUYERS[0], "?view=card")
    services.products["p1"] |= {"price": 1.25}
    calls = len(services.calls)
    await _purge(one, "product:p1", query)
    for gateway in (one, other):
        while (await _get(gateway, BUYERS[0]))["products"]["p1"]["price"] != 1.25:
            await asyncio.sleep(0.001)
        assert (await _get(gateway, BUYERS[1]))["products"]["p1"]["price"] == 1.25
        assert (await _get(gateway, OTHER))["metadata"]["cached"]
        assert (await _get(gateway, BUYERS[0], "?view=card"))["metadata"]["cached"]
        if gateway is one:  # which has the other parts in memory
            assert {service for service, _ in services.calls[calls:]} == {"products"}


@pytest.mark.parametrize(("query", "status"), [("", "stale"), ("?mode=hard", "missing")])
@pytest.mark.parametrize("tiers", ["memory", "redis"])
async def test_what_was_outdated_may_stand_in_and_what_was_dropped_may_not(
    start_gateway: StartGateway, redis_server: RedisServer, tiers: str, query: str, status: str
) -> None:
    """While its service is away, in whichever gateway, also in one that has nothing in memory."""
    services = _services()
    url = redis_server.url if tiers == "redis" else ""
    gateways = [await _start(start_gateway, services, url) for _ in range(2 if url else 1)]
    for gateway in gateways:
        for name in BUYERS:
            await _until_cached(gateway, name)
    services.failures["products"] = Unreachable("gone")
    await _purge(gateways[0], "product:p1", query)
    if url:
        gateways.append(await _start(start_gateway, services, url))
    for gateway in gateways:
        while (document := await _get(gateway, BUYERS[1]))["metadata"]["cached"]:
            await asyncio.sleep(0.001)
        assert document["metadata"]["parts"]["products"]["status"] == status


@pytest.mark.parametrize("tag", ["product:p1", "user:user1"])
async def test_no_call_from_before_is_joined_and_nothing_of_it_is_kept(
    start_gateway: StartGateway, redis_server: RedisServer, tag: str
) -> None:
    """A service was asked before, and answers only afterwards, with what it knew then."""
    services = _services()
    gateway = await _start(start_gateway, services, redis_server.url)
    slow = "products" if tag == "product:p1" else "users"
    gate = services.late[slow] = asyncio.Event()
    before = asyncio.ensure_future(_get(gateway, "user1"))
    while not {slow, "orders"} <= {name for name, _ in services.calls}:
        await asyncio.sleep(0)
    services.products["p1"] |= {"name": "new"}
    services.users["user1"] |= {"full_name": "new"}
    await _purge(gateway, tag)
    services.late.clear()

    def news(document: Any) -> bool:
        return bool(
            (document["products"]["p1"]["name"] if slow == "products" else document["user"]["full_name"]) == "new"
        )

    assert news(await _get(gateway, "user1"))
    gate.set()
    assert not news(await before)
    for _ in range(3):
        assert news(await _get(gateway, "user1"))


async def test_a_thing_that_was_not_there_shows_up(start_gateway: StartGateway) -> None:
    """Who has asked for it in vain carries its tag as well."""
    services = _services()
    made = services.products.pop("p1")
    clock = Clock()
    gateway = await start_gateway(services, clock=clock, ADMIN_TOKEN=TOKEN)
    assert (await _get(gateway, "user1"))["products"] == {}
    services.products["p1"] = made
    assert (await _get(gateway, "user1"))["products"] == {}
    await _purge(gateway, "product:p1")
    assert [*(await _get(gateway, "user1"))["products"]] == ["p1"]


@pytest.mark.parametrize(
    "path",
    ["nothing", "Product:p1", "product:", ":p1", "product:*", "p:a%20b", "p:%7Bp1%7D", "p:" + "x" * 65],
)
async def test_what_is_no_tag_is_refused(start_gateway: StartGateway, path: str) -> None:
    """With a sentence that says what one is."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN)
    answer = await gateway.client.delete(f"/api/cache/tags/{path}", headers=BEARER)
    assert answer.status_code == 400
    assert "A tag must be a name, a colon and" in answer.json()["detail"]


@pytest.mark.parametrize("query", ["?mode=", "?mode=Hard", "?mode=hard&mode=hard", "?mode=soft&mode=hard"])
async def test_another_mode_is_refused(start_gateway: StartGateway, query: str) -> None:
    """And nothing is outdated."""
    gateway = await start_gateway(ADMIN_TOKEN=TOKEN)
    await gateway.get("/api/profile/user1")
    answer = await gateway.client.delete(f"/api/cache/tags/user:user1{query}", headers=BEARER)
    assert answer.status_code == 400
    assert (await _get(gateway, "user1"))["metadata"]["cached"]
