"""A gateway that starts warm answers what is hot out of memory, and asks nobody for it."""

import asyncio

import pytest
from redis import Redis

from bff.aggregates import AGGREGATES
from bff.app import gateway_cache
from bff.settings import GatewaySettings
from shared.cache.near import Trust
from shared.cache.warming import Warming
from shared.settings.loading import load
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import Gateway, StartGateway
from tests.fixtures.redis_server import RedisServer

USERS = [f"user{number}" for number in range(40)]


def _services() -> FakeServices:
    services = FakeServices()
    for one in USERS:
        further = FakeServices.with_profile(one)
        services.users |= further.users
        services.orders |= further.orders
        services.products |= further.products
    return services


async def _answered_by(gateway: Gateway) -> list[str]:
    """Which cache answers for each user."""
    answers = [await gateway.get(f"/api/profile/{one}") for one in USERS]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.headers["cache-status"] for answer in answers]


async def _tell(keys: list[bytes], environment: dict[str, str]) -> None:
    """What a process does whose memory was asked for all of these."""
    async with gateway_cache(load(GatewaySettings, environment), AGGREGATES) as cache:
        while cache.trust is not Trust.COHERENT:
            await asyncio.sleep(0.001)
        for key in keys:
            while (await cache.lookup_redis(key.decode())).entry is None:
                await asyncio.sleep(0.001)
        await Warming(cache).tell()


async def _until_redis_is_used(gateway: Gateway) -> None:
    while (await gateway.get("/health")).json()["services"]["redis"] != "healthy":
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("warm", "where"), [("true", "memory; hit"), ("false", "redis; hit")])
async def test_the_first_answers_of_a_new_process(
    start_gateway: StartGateway, redis_server: RedisServer, meddler: "Redis", warm: str, where: str
) -> None:
    """Warm, they come out of memory; cold, Redis is asked for each, and the services are for none either way."""
    environment = {"REDIS_URL": redis_server.url, "CACHE_TTL_SECONDS": "600"}
    first, keys = await start_gateway(_services(), **environment), list[bytes]()
    await _until_redis_is_used(first)
    while len(keys) < len(USERS):
        await _answered_by(first)
        keys = meddler.execute_command("KEYS", "bff:aggregate.*")
    await _tell(keys, environment)
    gateway = await start_gateway(_services(), **environment, WARM_FROM_REDIS=warm)
    await _until_redis_is_used(gateway)
    gateway.services.calls.clear()
    assert [status for status in await _answered_by(gateway) if where not in status] == []
    assert gateway.services.calls == []
