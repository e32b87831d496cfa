"""A part that its service says there is none of, in an aggregate that goes on without it."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from bff.aggregates.kind import AggregateKind
from bff.parts.part import Aggregate
from bff.parts.single import single
from bff.parts.sources import Sources
from bff.sources.orders import ORDERS
from shared.upstream.service import Service
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import Clock, Gateway, StartGateway
from tests.fixtures.redis_server import RedisServer


class Bonus(msgspec.Struct, frozen=True, gc=False):
    """What some have, and others have not."""

    user_id: str
    points: int


BONUS_SERVICE = Service("bonus_service", url="http://127.0.0.1:8004", essential=False)
BONUS = single(
    "bonus",
    BONUS_SERVICE,
    Bonus,
    "/bonus/{user_id}",
    owner="user_id",
    about=lambda bonus: bonus.user_id,
    may_be_absent=True,
)


async def load_account(user_id: str, sources: Sources) -> Aggregate:
    """Orders, and a bonus where there is one."""
    orders, bonus = await sources.together(sources.take(ORDERS, user_id), sources.take(BONUS, user_id))
    return Aggregate({"orders": orders, "bonus": bonus})


ACCOUNT = AggregateKind("account", "/api/account", "user_id", load_account, parts=(ORDERS, BONUS), optional=(BONUS,))
PATH = "/api/account/user1"
FRESH = {"orders": {"status": "fresh"}, "bonus": {"status": "fresh"}}


@pytest.fixture
def services() -> FakeServices:
    """The samples, and a bonus service that knows nobody."""
    services = FakeServices.with_profile()
    services.documents["bonus_service"] = {}
    return services


async def test_it_is_null_and_as_fresh_as_others(start_gateway: StartGateway, services: FakeServices) -> None:
    """So the aggregate is whole, and kept for as long as any."""
    clock = Clock()
    gateway = await start_gateway(services, kinds=[ACCOUNT], clock=clock)
    for cached in (False, True):
        answer = await gateway.get(PATH)
        document = answer.json()
        assert (document["bonus"], document["metadata"]["parts"]) == (None, FRESH)
        assert (document["metadata"]["partial"], document["metadata"]["cached"]) == (False, cached)
        clock.now += 20
    assert len(services.calls) == 2
    clock.now += 20
    services.documents["bonus_service"]["/bonus/user1"] = {"user_id": "user1", "points": 7}
    assert (await gateway.get(PATH)).json()["bonus"] == {"user_id": "user1", "points": 7}


async def _connected(gateway: Gateway) -> None:
    while (await gateway.get("/api/cache/stats")).json()["tiers"]["redis"]["state"] != "up":
        pass


async def test_another_process_reads_it(
    start_gateway: StartGateway, services: FakeServices, redis_server: RedisServer
) -> None:
    """Out of Redis, where it is as good as any other entry."""
    first, second = [await start_gateway(services, kinds=[ACCOUNT], REDIS_URL=redis_server.url) for _ in range(2)]
    await asyncio.gather(*map(_connected, (first, second)))
    await first.get(PATH)
    with redis_server.client() as redis:
        while not redis.keys("bff:aggregate.account*"):
            await asyncio.sleep(0)
    answer = await second.get(PATH)
    assert answer.headers["cache-status"].startswith("redis; hit")
    assert (answer.json()["bonus"], answer.json()["metadata"]["parts"]) == (None, FRESH)


async def test_nothing_else_may_be_absent(start_gateway: StartGateway, services: FakeServices) -> None:
    """Without a part that is not declared optional there is no such thing, which is remembered as such."""
    gateway = await start_gateway(services, kinds=[replace(ACCOUNT, optional=())])
    for _ in range(2):
        answer = await gateway.get(PATH)
        assert (answer.status_code, answer.json()["detail"]) == (404, "There is no such user.")
    assert len(services.calls) == 2
