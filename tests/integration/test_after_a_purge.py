"""Who asks after a purge has been answered is given nothing that was asked for before it, nor is any of that kept."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any, Final

import pytest

from bff.aggregates.profile import PROFILE
from bff.parts.part import Aggregate
from bff.parts.sources import Sources
from bff.sources.users import USER
from shared.errors import NotFound
from shared.upstream.call import Reply
from tests.fixtures import fake_services
from tests.fixtures.entry_keys import KEYS
from tests.fixtures.fake_services import FakeServices, order, user
from tests.fixtures.gateway import Gateway, StartGateway
from tests.fixtures.redis_server import RedisServer

TOKEN: Final = "a-secret-token"
SERVICES: Final = ("users", "orders", "products")
CASES: Final = [
    *((service, "/api/cache") for service in SERVICES),
    *((service, "/api/cache/profile/user1") for service in ("users", "orders")),
    *((service, "/api/cache/tags/user:user1") for service in ("users", "orders")),
]


async def _start(start_gateway: StartGateway, services: FakeServices, redis: str) -> Gateway:
    gateway = await start_gateway(services, REDIS_URL=redis, ADMIN_TOKEN=TOKEN, CACHE_NEGATIVE_TTL_SECONDS="30")
    wanted = "up" if redis else "disabled"
    while (await gateway.get("/api/cache/stats")).json()["tiers"]["redis"]["state"] != wanted:
        pass
    return gateway


async def _profile(gateway: Gateway) -> Any:
    return (await gateway.get("/api/profile/user1")).json()


async def _purge(gateway: Gateway, path: str) -> None:
    answer = await gateway.client.delete(path, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 204


def _change(services: FakeServices) -> None:
    services.users["user1"] = user("user1") | {"full_name": "new"}
    services.orders["user1"] = [order("new", "user1", "p1", "p2", "p3")]
    services.products = {name: fake_services.product(name) | {"name": "new"} for name in ("p1", "p2", "p3")}


def _news(document: Any) -> set[str]:
    """The services of which a profile has what they know by now."""
    return {
        *({"users"} if document["user"]["full_name"] == "new" else ()),
        *({"orders"} if document["orders"][0]["id"] == "new" else ()),
        *({"products"} if {one["name"] for one in document["products"].values()} == {"new"} else ()),
    }


@pytest.mark.parametrize("tiers", ["memory", "redis"])
@pytest.mark.parametrize(("slow", "path"), CASES)
async def test_no_call_from_before_is_joined_and_nothing_of_it_is_kept(
    start_gateway: StartGateway, redis_server: RedisServer, tiers: str, slow: str, path: str
) -> None:
    """Whichever service has been asked, and answers only afterwards, with what it knew before."""
    services = FakeServices.with_profile()
    gateway = await _start(start_gateway, services, redis_server.url if tiers == "redis" else "")
    gate = services.late[slow] = asyncio.Event()
    before = asyncio.ensure_future(_profile(gateway))
    while not ({*SERVICES} if slow != "orders" else {"users", "orders"}) <= {name for name, _ in services.calls}:
        await asyncio.sleep(0)
    _change(services)
    await _purge(gateway, path)
    services.late.clear()
    owned = {"users", "orders"}
    wanted = {*SERVICES} if path == "/api/cache" else owned
    assert wanted <= _news(await _profile(gateway))
    gate.set()
    assert slow not in _news(await before)
    for _ in range(3):
        assert wanted <= _news(await _profile(gateway))


@pytest.mark.parametrize("seconds", ["0", "30"])
async def test_what_a_service_refuses_is_asked_for_again(start_gateway: StartGateway, seconds: str) -> None:
    """A purge of everything forgets that too, wherever it is remembered."""
    services = FakeServices.with_profile()
    services.orders["user1"] = [order("o1", "user1", "p1", "odd id!")]
    services.replies["products"] = lambda call: (
        Reply(422, fake_services.JSON, b"{}") if b"odd id!" in (call.body or b"") else None
    )
    gateway = await start_gateway(services, ADMIN_TOKEN=TOKEN, CACHE_NEGATIVE_TTL_SECONDS=seconds)
    await _profile(gateway)
    odd = [batch for batch in services.batches if "odd id!" in batch]
    assert odd
    await _purge(gateway, "/api/cache/profile/user1")
    await _profile(gateway)
    assert [batch for batch in services.batches if "odd id!" in batch] == odd
    await _purge(gateway, "/api/cache")
    await _profile(gateway)
    assert len([batch for batch in services.batches if "odd id!" in batch]) > len(odd)


async def test_a_purge_counts_for_as_long_as_anything_is_kept(
    start_gateway: StartGateway, redis_server: RedisServer
) -> None:
    """A part may be kept for longer than others; what is purged of it must not come back before it is gone."""
    longest = 86_400.0
    kind = replace(
        PROFILE, parts=tuple(replace(part, stale=longest) if part is USER else part for part in PROFILE.parts)
    )
    kind = replace(kind, load=_load_nothing, counted=(), views=())
    gateway = await _start(partial(start_gateway, kinds=[kind]), FakeServices(), redis_server.url)
    await _purge(gateway, "/api/cache/profile/user1")
    with redis_server.client() as client:
        assert client.pttl(KEYS.stamp("user:user1")) > longest * 1000


async def _load_nothing(_user_id: str, _sources: Sources) -> Aggregate:
    raise NotFound("There is nothing.")


@pytest.mark.parametrize("seconds", ["5", "3000"])
async def test_a_purge_counts_for_as_long_as_it_is_known_that_there_is_nothing(
    start_gateway: StartGateway, redis_server: RedisServer, seconds: str
) -> None:
    """That may be longer than anything else is kept; a new user would vanish again."""
    gateway = await start_gateway(
        FakeServices(),
        REDIS_URL=redis_server.url,
        ADMIN_TOKEN=TOKEN,
        CACHE_NEGATIVE_TTL_SECONDS=seconds,
        CACHE_STALE_SECONDS="60",
    )
    while (await gateway.get("/api/cache/stats")).json()["tiers"]["redis"]["state"] != "up":
        pass
    await _purge(gateway, "/api/cache/profile/user1")
    with redis_server.client() as client:
        assert client.pttl(KEYS.stamp("user:user1")) > max(float(seconds), 60.0) * 1000
