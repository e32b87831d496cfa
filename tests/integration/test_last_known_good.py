"""What the gateway gives when services cannot: parts that were last known good, truthfully marked."""

import asyncio
from typing import Any

import pytest

from shared.errors import Unreachable
from tests.fixtures.fake_services import FakeServices, order, product, user
from tests.fixtures.gateway import Clock, StartGateway

PROFILE = "/api/profile/user1"
ALL = ("users", "orders", "products")


def _dead(*names: str) -> dict[str, Unreachable]:
    return {name: Unreachable("gone") for name in names}


async def test_all_services_down_after_expiry_gives_stale_parts_with_their_age(start_gateway: StartGateway) -> None:
    """200, every part stale with age and reason, nothing cached; fresh at the first request after the throttle."""
    clock = Clock()
    gateway = await start_gateway(clock=clock)
    fresh = (await gateway.get(PROFILE)).json()
    gateway.services.failures.update(_dead(*ALL))
    clock.now += 40
    answer = await gateway.get(PROFILE)
    document = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert [document[name] for name in ("user", "orders", "products")] == [
        fresh[name] for name in ("user", "orders", "products")
    ]
    assert document["metadata"]["partial"] is True
    for part in document["metadata"]["parts"].values():
        assert part == {"status": "stale", "age": pytest.approx(40, abs=0.2), "reason": "unavailable"}
    gateway.services.failures.clear()
    assert (await gateway.get(PROFILE)).json()["metadata"]["partial"] is True
    clock.now += 1.0
    assert (await gateway.get(PROFILE)).json()["metadata"]["partial"] is False


async def test_a_dead_service_is_not_asked_again_for_the_same_thing_at_once(start_gateway: StartGateway) -> None:
    """The throttle: for a second its failure is the answer, and costs no call."""
    clock = Clock()
    gateway = await start_gateway(clock=clock)
    gateway.services.failures.update(_dead("orders"))
    for _ in range(20):
        parts = (await gateway.get(PROFILE)).json()["metadata"]["parts"]
        assert parts["orders"] == {"status": "missing", "reason": "unavailable"}
    assert [service for service, _ in gateway.services.calls] == ["users", "orders"]


async def test_what_is_fresh_is_not_asked_for_again(start_gateway: StartGateway) -> None:
    """While one service is down the others are asked as often as if it were not."""
    clock = Clock()
    gateway = await start_gateway(clock=clock, CACHE_THROTTLE_SECONDS="0")
    gateway.services.failures.update(_dead("products"))
    for _ in range(5):
        assert (await gateway.get(PROFILE)).json()["metadata"]["parts"]["products"]["status"] == "missing"
    calls = [service for service, _ in gateway.services.calls]
    assert (calls.count("users"), calls.count("orders"), calls.count("products")) == (1, 1, 5)


async def test_a_part_that_is_too_old_is_missing(start_gateway: StartGateway) -> None:
    """CACHE_STALE_SECONDS bounds how long anything stands in."""
    clock = Clock()
    gateway = await start_gateway(clock=clock, CACHE_STALE_SECONDS="60")
    await gateway.get(PROFILE)
    gateway.services.failures.update(_dead(*ALL))
    clock.now += 59
    assert (await gateway.get(PROFILE)).status_code == 200
    clock.now += 2
    answer = await gateway.get(PROFILE)
    assert answer.status_code == 503


async def test_nothing_is_served_beyond_the_ttl_of_its_parts(start_gateway: StartGateway) -> None:
    """An aggregate that uses a product already in memory expires no later than that."""
    clock = Clock()
    services = FakeServices.with_profile()
    services.users["user2"] = user("user2")
    services.orders["user2"] = [order("o3", "user2", "p1")]
    gateway = await start_gateway(services, clock=clock)
    await gateway.get(PROFILE)
    clock.now += 20
    answer = await gateway.get("/api/profile/user2")
    assert int(answer.headers["cache-control"].partition("max-age=")[2]) <= 10
    assert len(services.batches) == 1
    clock.now += 10
    services.products["p1"] = product("p1") | {"name": "renamed"}
    document = (await gateway.get("/api/profile/user2")).json()
    assert document["products"]["p1"]["name"] == "renamed"


async def test_a_batch_asks_only_for_what_nobody_has(start_gateway: StartGateway) -> None:
    """Products are shared between users: known ones cost nothing, those under way are joined."""
    services = FakeServices.with_profile()
    services.users["user2"], services.users["user3"] = user("user2"), user("user3")
    services.orders["user2"] = [order("o3", "user2", "p3", "p4")]
    services.orders["user3"] = [order("o4", "user3", "p4", "p5")]
    services.products |= {name: product(name) for name in ("p4", "p5")}
    gateway = await start_gateway(services)
    await gateway.get(PROFILE)
    services.gates["products"] = asyncio.Event()
    second = asyncio.ensure_future(gateway.get("/api/profile/user2"))
    while len(services.batches) < 2:
        await asyncio.sleep(0)
    third = asyncio.ensure_future(gateway.get("/api/profile/user3"))
    while len(services.batches) < 3:
        await asyncio.sleep(0)
    services.gates["products"].set()
    assert set((await second).json()["products"]) == {"p3", "p4"}
    assert set((await third).json()["products"]) == {"p4", "p5"}
    assert services.batches == [["p1", "p3", "p2"], ["p4"], ["p5"]]


async def test_a_client_who_leaves_cancels_only_what_nobody_else_waits_for(start_gateway: StartGateway) -> None:
    """Two ask for the same profile; the first leaves, the second gets its answer from the one load."""
    services = FakeServices.with_profile()
    services.gates["users"] = asyncio.Event()
    gateway = await start_gateway(services)
    first = asyncio.ensure_future(gateway.get(PROFILE))
    while len(services.calls) < 2:
        await asyncio.sleep(0)
    second = asyncio.ensure_future(gateway.get(PROFILE))
    first.cancel()
    while not first.done():
        await asyncio.sleep(0)
    services.gates["users"].set()
    answer = await second
    assert answer.status_code == 200
    assert len([1 for service, _ in services.calls if service == "users"]) <= 2


async def test_a_hundred_cold_requests_cost_one_call_a_service(start_gateway: StartGateway) -> None:
    """One load serves all who ask meanwhile, and says so."""
    gateway = await start_gateway()
    answers = await asyncio.gather(*(gateway.get(PROFILE) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(service for service, _ in gateway.services.calls) == ["orders", "products", "users"]
    assert any("collapsed" in answer.headers["cache-status"] for answer in answers)


async def test_a_user_who_is_gone_does_not_come_back_as_a_stale_part(start_gateway: StartGateway) -> None:
    """The user service's 404 outdates what was last known good."""
    clock = Clock()
    gateway = await start_gateway(clock=clock)
    await gateway.get(PROFILE)
    gone = gateway.services.users.pop("user1")
    clock.now += 31
    assert (await gateway.get(PROFILE)).status_code == 404
    gateway.services.failures.update(_dead("users"))
    clock.now += 6
    parts = (await gateway.get(PROFILE)).json()["metadata"]["parts"]
    assert (gone["id"], parts["user"]) == ("user1", {"status": "missing", "reason": "unavailable"})


async def test_the_bound_of_the_memory_tier_holds(start_gateway: StartGateway) -> None:
    """However many ids are asked for, there are never more entries than that."""
    services = FakeServices.with_profile()
    services.users |= {f"user{number}": user(f"user{number}") for number in range(200)}
    gateway = await start_gateway(services, CACHE_MEMORY_ENTRIES="50")
    for number in range(200):
        await gateway.get(f"/api/profile/user{number}")
    stats = (await gateway.get("/api/cache/stats")).json()["tiers"]["memory"]
    assert stats["entries"] == 50


async def test_made_up_ids_cost_nobody_a_hit(start_gateway: StartGateway) -> None:
    """Users who do not exist have a small room of their own; nothing else is kept that was loaded for them."""
    services = FakeServices.with_profile()
    services.orders |= {f"nobody{number}": [order("o9", f"nobody{number}")] for number in range(200)}
    gateway = await start_gateway(services, CACHE_MEMORY_ENTRIES="20")
    await gateway.get(PROFILE)
    before = (await gateway.get("/api/cache/stats")).json()["tiers"]["memory"]["entries"]
    for number in range(200):
        assert (await gateway.get(f"/api/profile/nobody{number}")).status_code == 404
    calls = len(services.calls)
    assert (await gateway.get(PROFILE)).json()["metadata"]["cached"] is True
    assert len(services.calls) == calls
    stats = (await gateway.get("/api/cache/stats")).json()["tiers"]["memory"]
    assert stats["entries"] == before + 16
    assert (await gateway.get("/api/profile/nobody199")).headers["cache-status"].startswith("memory; hit")
    assert (await gateway.get("/api/profile/nobody0")).headers["cache-status"].startswith("memory; fwd")


@pytest.mark.parametrize("service", ["users", "orders", "products"])
async def test_a_joiner_does_not_end_with_its_leader(start_gateway: StartGateway, service: str) -> None:
    """A service answers after the first one's time is over: whoever came later, and joined, gets all of it."""
    services = FakeServices.with_profile()
    services.gates[service] = asyncio.Event()
    gateway = await start_gateway(
        services, REQUEST_BUDGET_SECONDS="3", ATTEMPT_TIMEOUT_SECONDS="3", RETRIES="0", CACHE_THROTTLE_SECONDS="0"
    )
    leader = asyncio.ensure_future(gateway.get(PROFILE))
    while service not in {name for name, _ in services.calls}:
        await asyncio.sleep(0)
    joiners: list[asyncio.Future[Any]] = []
    await asyncio.wait([leader], timeout=1.5)  # whoever joins next begins the next load, and lends it what it has left
    while not leader.done():  # whoever comes last has nearly all of its time left
        joiners.append(asyncio.ensure_future(gateway.get(PROFILE)))
        await asyncio.wait([leader], timeout=0.2)
    first = (await leader).json()["metadata"]["parts"]
    services.gates[service].set()
    assert [part for part, says in first.items() if says["status"] != "fresh"]
    for answer in (await asyncio.gather(*joiners))[-2:]:
        assert (answer.status_code, answer.json()["metadata"]["partial"]) == (200, False)


@pytest.mark.parametrize("entries", ["1", "2", "5"])
async def test_parts_do_not_push_their_answer_out(start_gateway: StartGateway, entries: str) -> None:
    """However small memory is, what was put together last is there for the next request."""
    gateway = await start_gateway(CACHE_MEMORY_ENTRIES=entries)
    await gateway.get(PROFILE)
    assert (await gateway.get(PROFILE)).headers["cache-status"].startswith("memory; hit")
