"""What a Redis user may do: the documented one is enough, one that may do less is told from one that is away."""

import asyncio
import re
import time
from collections.abc import Iterator
from itertools import count, product
from typing import Any

import orjson
import pytest
from redis import Redis

from bff.aggregates import AGGREGATES
from bff.app import gateway_cache
from bff.settings import GatewaySettings
from shared.cache.required_commands import OPTIONAL_COMMANDS, REQUIRED_COMMANDS
from shared.observing import metrics
from shared.settings.loading import load
from tests.fixtures.fake_services import FakeServices, order, user
from tests.fixtures.fake_services import product as a_product
from tests.fixtures.gateway import Gateway, StartGateway
from tests.fixtures.log_lines import heard
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.redis_users import address, documented, make_user
from tests.fixtures.suite_settings import SUITE_SETTINGS

COMMANDS = sorted({need.command for need in REQUIRED_COMMANDS})
KEYS = gateway_cache(load(GatewaySettings, SUITE_SETTINGS), AGGREGATES).keys
PATTERNS = sorted(
    {
        *(f"~{KEYS.prefix}{kind}:*" for kind in KEYS.kinds),
        "~bff:outdated/*",
        "~bff:purged/*",
        "~bff:generation",
        "~bff.lease:*",
    }
)
OURS = {"acl", "config", "hello"}
"""Commands of the test itself, and of every greeting."""
EVENTS = 20
TOKEN = "open-sesame"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
SOON = 20.0
_code = re.compile(r"[A-Z]{2,} ").match
"""Begins what Redis says."""


@pytest.fixture
def reasons() -> Iterator[list[str]]:
    """Why Redis is not used, each time that it says so itself: on a busy machine a connection may take too long."""
    said: list[str] = []

    def take(line: bytes) -> None:
        document = orjson.loads(line)
        if document["event"] in {"redis unavailable", "redis tier bypassed"} and _code(document["error"]):
            said.append(document["error"])

    with heard(take):
        yield said


async def start(start_gateway: StartGateway, redis_server: RedisServer) -> Gateway:
    """A gateway that is this user, over services that know many users."""
    names = [f"user{number}" for number in range(2 * EVENTS)]
    services = FakeServices(
        users={name: user(name) for name in names},
        orders={name: [order("o1", name, "p1")] for name in names},
        products={"p1": a_product("p1")},
    )
    return await start_gateway(services, REDIS_URL=address(redis_server.port), ADMIN_TOKEN=TOKEN)


def is_up() -> bool:
    """Whether Redis is used."""
    return bool(metrics.cache_tier_up.labels("redis")._value.get())


async def until(*, up: bool) -> None:
    """Wait until Redis is used, or is not."""
    async with asyncio.timeout(SOON):
        while is_up() is not up:
            await asyncio.sleep(0.005)


async def purge(gateway: Gateway, path: str = "") -> int:
    """The status of a purge."""
    return int((await gateway.client.delete(f"/api/cache{path}", headers=AUTHORIZED)).status_code)


async def cached(gateway: Gateway, name: str) -> bool:
    """Whether the second of two answers about a user comes from the cache."""
    for _ in range(2):
        answer = await gateway.get(f"/api/profile/{name}")
        assert answer.status_code == 200
    return bool(answer.json()["metadata"]["cached"])


async def health(gateway: Gateway) -> tuple[str, str, Any]:
    """The status of the whole, of Redis, and of the cache."""
    answer = await gateway.get("/health")
    assert answer.status_code == 200
    document = answer.json()
    return document["status"], document["services"]["redis"], document["cache"]


async def use(gateway: Gateway, client: "Redis", numbers: Iterator[int]) -> int:
    """Ask for ever new users; how many connections too many Redis has seen meanwhile: it may be tried once a second."""
    before, began = connections(client), time.monotonic()
    for _ in range(EVENTS):
        assert await cached(gateway, f"user{next(numbers) % (2 * EVENTS)}")
    return connections(client) - before - int(time.monotonic() - began)


def connections(client: "Redis") -> int:
    """How many there have been so far."""
    return int(client.info("stats")["total_connections_received"])


def commands(client: "Redis") -> set[str]:
    """Which commands have been sent since the last time that this was reset; subcommands only in newer versions."""
    names = (name.removeprefix("cmdstat_").partition("|")[0] for name in client.info("commandstats"))
    return set(names) - OURS


async def test_the_documented_user_is_enough(
    start_gateway: StartGateway, redis_server: RedisServer, meddler: "Redis", reasons: list[str]
) -> None:
    """Redis tells of changes, all works, nothing is refused; and what is sent is what is declared and documented."""
    words = documented()
    declared = {name.lower().replace(" ", "|") for name in (*COMMANDS, *OPTIONAL_COMMANDS)}
    assert {word[1:] for word in words if word[0] == "+"} == declared
    make_user(meddler, words)
    meddler.config_resetstat()
    gateway = await start(start_gateway, redis_server)
    await until(up=True)
    assert await use(gateway, meddler, count()) <= 0
    assert [await purge(gateway, "/profile/user1"), await purge(gateway)] == [204, 204]
    stats = (await gateway.get("/api/cache/stats")).json()
    assert stats["tiers"]["redis"]["bytes"] > 0
    assert await health(gateway) == ("healthy", "healthy", {"type": "redis", "status": "healthy"})
    needed = {name.lower() for name in COMMANDS}
    assert needed <= commands(meddler) <= {name.partition("|")[0] for name in declared}
    assert meddler.execute_command("ACL", "LOG") == []
    assert reasons == []


def less(without: str) -> list[str]:
    """The documented user, with each pattern of keys on its own, without one command or pattern."""
    words = [word for word in documented() if word[0] != "~"] + [pattern for pattern in PATTERNS if pattern != without]
    return [word for word in words if word != f"+{without.lower()}"]


CASES = [*product(COMMANDS, ["from the start", "later"]), *product(PATTERNS, ["from the start"])]


@pytest.mark.parametrize("case", CASES, ids=", ".join)
async def test_less_than_is_needed(
    start_gateway: StartGateway,
    redis_server: RedisServer,
    meddler: "Redis",
    reasons: list[str],
    case: tuple[str, str],
) -> None:
    """Redis is not used, memory serves, `/health` and the log say so and why, and nobody storms; until it is mended."""
    without, when = case
    make_user(meddler, less("nothing" if when == "later" else without))
    gateway = await start(start_gateway, redis_server)
    if when == "later":
        await until(up=True)
        make_user(meddler, less(without))
        meddler.client_kill_filter(_type="normal", skipme=True)
    async with asyncio.timeout(SOON):
        while not any(reason.startswith("NOPERM") for reason in reasons):
            await asyncio.sleep(0.005)
    assert await use(gateway, meddler, count()) <= 6
    assert not is_up()
    assert await purge(gateway, "/profile/user1") == 503
    assert await health(gateway) == ("degraded", "unhealthy", {"type": "in_memory", "status": "healthy"})
    (reason,) = (reason for reason in reasons if reason.startswith("NOPERM"))
    assert (f"'{without.lower()}'" if without in COMMANDS else without.strip("~*")) in reason
    make_user(meddler, documented())
    await until(up=True)


@pytest.mark.parametrize("without", OPTIONAL_COMMANDS)
async def test_what_it_may_be_refused(
    start_gateway: StartGateway, redis_server: RedisServer, meddler: "Redis", reasons: list[str], without: str
) -> None:
    """It is used all the same, and what is lost is told."""
    name = without.lower().replace(" ", "|")
    make_user(meddler, [word for word in documented() if word != f"+{name}"])
    gateway = await start(start_gateway, redis_server)
    await until(up=True)
    assert await use(gateway, meddler, count()) <= 0
    assert (await gateway.get("/api/cache/stats")).status_code == 200
    assert [await purge(gateway, "/profile/user1"), await purge(gateway)] == [204, 204]
    status = "degraded" if without == "CLIENT TRACKING" else "healthy"
    assert await health(gateway) == (status, "healthy", {"type": "redis", "status": status})
    assert reasons == []


async def test_each_change_of_the_reason_is_said_once(
    start_gateway: StartGateway, redis_server: RedisServer, meddler: "Redis", reasons: list[str]
) -> None:
    """After a change of the password, and when something else is refused after that."""
    make_user(meddler, documented())
    gateway = await start(start_gateway, redis_server)
    await until(up=True)
    for words, code in (([*documented(), "resetpass", ">other"], "WRONGPASS"), (less("PTTL"), "NOPERM")):
        make_user(meddler, words)
        meddler.client_kill_filter(_type="normal", skipme=True)
        async with asyncio.timeout(SOON):
            while not reasons or not reasons[-1].startswith(code):
                await asyncio.sleep(0.005)
        await use(gateway, meddler, count())
    make_user(meddler, documented())
    await until(up=True)
    assert [reason.partition(" ")[0] for reason in reasons] == ["WRONGPASS", "NOPERM"]
