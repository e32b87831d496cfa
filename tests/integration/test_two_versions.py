"""Two versions of the gateway side by side over one Redis, as in a rolling deploy."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from bff.aggregates.kind import AggregateKind
from bff.aggregates.profile import PROFILE
from bff.parts.codec import PartCodec
from bff.parts.part import Aggregate
from bff.parts.sources import Sources
from bff.sources.orders import ORDERS
from bff.sources.products import Product
from bff.sources.users import USER
from shared.cache.build import build_cache
from shared.cache.kind import Kind
from tests.fixtures.fake_services import FakeServices, order, product, user
from tests.fixtures.gateway import Gateway, StartGateway
from tests.fixtures.redis_server import RedisServer
from tests.kit.caches import far, plain, put, until

USERS = [f"user{number}" for number in range(10)]
TOKEN = "a-secret-token"
CHANGES_MOST = 2
"""On a busy machine Redis may seem to be away for a moment."""


async def _load_slim(user_id: str, sources: Sources) -> Aggregate:
    return Aggregate({"user": await sources.take(USER, user_id), "orders": await sources.take(ORDERS, user_id)})


OLD = PROFILE
NEW = replace(PROFILE, parts=(USER, ORDERS), counted=(ORDERS,), load=_load_slim)
RENAMED = replace(PROFILE, counted=())


def _services() -> FakeServices:
    return FakeServices(
        users={one: user(one) for one in USERS},
        orders={one: [order(f"o-{one}", one, "p1")] for one in USERS},
        products={"p1": product("p1")},
    )


async def _start(start_gateway: StartGateway, kind: AggregateKind, redis: RedisServer) -> Gateway:
    gateway = await start_gateway(_services(), kinds=[kind], REDIS_URL=redis.url, ADMIN_TOKEN=TOKEN)
    while (await gateway.get("/api/cache/stats")).json()["tiers"]["memory"]["state"] != "coherent":
        pass
    return gateway


async def _ask(gateways: Sequence[Gateway], rounds: int = 4) -> None:
    for _ in range(rounds):
        for one in USERS:
            for gateway in gateways:
                document = (await gateway.get(f"/api/profile/{one}")).json()
                assert document["user"]["id"] == one
                assert not document["metadata"]["partial"]


@pytest.mark.parametrize("other", [NEW, RENAMED], ids=["other parts", "other facts"])
async def test_each_calls_the_services_as_often_as_alone(
    start_gateway: StartGateway, redis_server: RedisServer, other: AggregateKind
) -> None:
    """Neither reads nor overwrites what the other keeps, so requests to both in turn are hits in both."""
    both = [await _start(start_gateway, kind, redis_server) for kind in (OLD, other)]
    await _ask(both)
    for gateway in both:
        calls = [service for service, _ in gateway.services.calls]
        assert len(USERS) <= calls.count("users") <= len(USERS) + CHANGES_MOST
        assert calls.count("products") <= 1


@pytest.mark.parametrize("by", [0, 1])
async def test_a_purge_by_one_counts_for_the_other(
    start_gateway: StartGateway, redis_server: RedisServer, by: int
) -> None:
    """What either of them keeps of the subject is outdated, in the memory of both and in Redis."""
    both = [await _start(start_gateway, kind, redis_server) for kind in (OLD, NEW)]
    await _ask(both)
    for path in (f"/api/cache/profile/{USERS[0]}", "/api/cache"):
        before = [len(gateway.services.calls) for gateway in both]
        answer = await both[by].client.delete(path, headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 204
        for gateway, calls in zip(both, before, strict=True):
            while (await gateway.get(f"/api/profile/{USERS[0]}")).json()["metadata"]["cached"]:
                pass
            assert len(gateway.services.calls) > calls


class _Product(msgspec.Struct):
    id: str
    price: float


def _id(one: Product | _Product) -> Sequence[str]:
    return (one.id,)


def _versions() -> tuple[Kind, Kind]:
    codecs: tuple[PartCodec[Any], ...] = (PartCodec(Product, about=_id), PartCodec(_Product, about=_id))
    one, other = (replace(plain("products"), shape=codec.schema) for codec in codecs)
    return one, other


async def test_a_part_of_another_shape_has_keys_of_its_own(redis_server: RedisServer, loop: object) -> None:
    """A field more, or one of another type, and the two no longer meet."""
    caches = [build_cache(redis_server.url, 10, kinds=[kind], longest_life=600) for kind in _versions()]
    one, other = caches
    keys = [cache.keys.entry("products", "p1") for cache in caches]
    assert keys[0] != keys[1]
    async with one, other:
        for cache, key in zip(caches, keys, strict=True):
            await until(cache, up=True)
            put(cache, key, key.encode())
        for cache, key in zip(caches, keys, strict=True):
            while (entry := await far(cache, key)) is None:
                pass
            assert entry.value == key.encode()
            near = cache.lookup_near(key)
            assert near is not None
            assert near.value == key.encode()
