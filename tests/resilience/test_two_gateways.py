"""Two gateway processes over one Redis: to a client they are one."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import pytest

from tests.fixtures import entry_keys
from tests.fixtures.counting_services import CountingServices
from tests.fixtures.load import Connection, Got
from tests.fixtures.processes import App, StartApp, wait_until
from tests.fixtures.redis_server import RedisServer

PROFILE = "/api/profile/user1"
ENTRY = entry_keys.profile("user1")
LEASE = entry_keys.KEYS.lease(ENTRY)
ENDLESS = -1
TOKEN = "open-sesame"
BURST = 100
DELAY_SECONDS = 0.2


@pytest.fixture
def services() -> Iterator[CountingServices]:
    """Services that are slow enough for all of a burst to come while its first request is being answered."""
    with CountingServices(DELAY_SECONDS) as running:
        yield running


@pytest.fixture
def two(start_app: StartApp, services: CountingServices, redis_server: RedisServer) -> tuple[App, App]:
    """Two gateways that are told of changes."""
    return _gateway(start_app, services, redis_server), _gateway(start_app, services, redis_server)


def _gateway(start_app: StartApp, services: CountingServices, redis: RedisServer, **more: str) -> App:
    # With this much time nobody gives up waiting for the other process, however busy the machine is.
    settings = {"REQUEST_BUDGET_SECONDS": "20", "ATTEMPT_TIMEOUT_SECONDS": "10", "ADMIN_TOKEN": TOKEN} | more
    app = start_app("bff", REDIS_URL=redis.url, **services.environment, **settings)
    wait_until(lambda: _is_coherent(app) or "redis unavailable" in app.lines(), "it looks for no Redis")
    assert _is_coherent(app)
    return app


def _is_coherent(app: App) -> bool:
    return bool(_tiers(app)["memory"]["state"] == "coherent")


def _tiers(app: App) -> Any:
    with urllib.request.urlopen(f"{app.url}/api/cache/stats", timeout=10) as answer:
        return json.load(answer)["tiers"]


def _profile(app: App) -> Any:
    with urllib.request.urlopen(app.url + PROFILE, timeout=30) as answer:
        return json.load(answer)


def _name(app: App) -> str:
    """The user's full name, which tells the call that it comes from."""
    return str(_profile(app)["user"]["full_name"])


def _made_at(app: App) -> str:
    return str(_profile(app)["metadata"]["aggregated_at"])


def _purge(app: App) -> int:
    request = urllib.request.Request(
        f"{app.url}/api/cache/profile/user1", method="DELETE", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.status)


def _burst(ports: Sequence[int], user_id: str) -> list[Got]:
    """What requests at once for one user are answered, one on each port given; all connections are open before."""

    async def ask() -> list[Got]:
        async with AsyncExitStack() as stack:
            connections = [await stack.enter_async_context(Connection(port)) for port in ports]
            return list(
                await asyncio.gather(*(connection.get(f"/api/profile/{user_id}") for connection in connections))
            )

    return asyncio.run(ask())


def _costs_one_call_each(services: CountingServices, ports: Sequence[int], user_id: str = "user1") -> None:
    before = services.calls()
    answers = _burst(ports, user_id)
    assert [answer.status for answer in answers] == [200] * len(ports)
    assert {json.loads(answer.body)["user"]["full_name"] for answer in answers} == {"Call 1"}
    assert services.calls() - before == {
        ("users", f"/users/{user_id}"): 1,
        ("orders", f"/orders/user/{user_id}"): 1,
        ("products", "/products/batch"): 1,
    }


def _clean(*apps: App) -> None:
    for app in apps:
        levels = {json.loads(line)["level"] for line in app.lines().splitlines()}
        assert levels == {"info"}, app.lines()


def test_a_cold_burst_on_both_costs_one_call_per_service(two: tuple[App, App], services: CountingServices) -> None:
    """Of 100 requests for one user, half at each gateway, one asks the services and all others share its answer."""
    _costs_one_call_each(services, [app.port for app in two] * (BURST // 2))
    # Which of the two waited for the other is a matter of luck; one of them did, for all of its own.
    assert sum(_tiers(app)["redis"]["coalesced"] for app in two) == 1
    assert sum(_tiers(app)["memory"]["coalesced"] for app in two) == BURST - 2
    _clean(*two)


def test_a_purge_on_one_is_seen_by_the_other(two: tuple[App, App], services: CountingServices) -> None:
    """After a DELETE at one gateway neither serves what was cached, and one new load serves both."""
    one, other = two
    assert (_name(one), _name(other)) == ("Call 1", "Call 1")
    assert _purge(one) == 204
    wait_until(lambda: _name(other) == "Call 2", "the other one was not told")
    assert _name(one) == "Call 2"
    assert _purge(other) == 204
    wait_until(lambda: _name(one) == "Call 3", "the first one was not told")
    assert _name(other) == "Call 3"
    assert services.calls()["users", "/users/user1"] == 3
    _clean(*two)


def test_whoever_deletes_a_key_is_heard_by_both(
    two: tuple[App, App], services: CountingServices, redis_server: RedisServer
) -> None:
    """A plain DEL in Redis drops the profile from both memories; the parts, still current, cost no call."""
    old = _made_at(two[0])
    before = services.calls()
    wait_until(lambda: _made_at(two[1]) == old, "Redis was not told")
    with redis_server.client() as client:
        assert client.delete(ENTRY) == 1
    for app in two:
        wait_until(lambda app=app: _made_at(app) != old, "it was not told")  # type: ignore[misc]
    wait_until(lambda: _made_at(two[0]) == _made_at(two[1]), "they do not agree")
    assert services.calls() == before
    _clean(*two)


def test_both_agree_on_the_state_of_the_cache(two: tuple[App, App]) -> None:
    """The figures of both say that memory is coherent, and the same of the Redis that they share."""
    assert len({_made_at(app) for app in two}) == 1
    states = {(tiers["memory"]["state"], tiers["redis"]["state"]) for tiers in map(_tiers, two)}
    assert states == {("coherent", "up")}
    wait_until(lambda: len({_tiers(app)["redis"]["entries"] for app in two}) == 1, "they see two Redises")
    _clean(*two)


def test_the_figures_count_what_came_from_redis(two: tuple[App, App]) -> None:
    """What one gateway loaded and the other took from Redis is an entry in the memory of both."""
    assert len({_made_at(app) for app in two}) == 1
    assert _tiers(two[1])["memory"]["hits"] == 0
    assert [_tiers(app)["memory"]["entries"] > 0 for app in two] == [True, True]


@pytest.mark.parametrize("key", ["bff:generation", "bff:outdated/user:{user1}", "bff:purged/user:{user1}", LEASE])
@pytest.mark.parametrize("kind", ["text", "list"])
def test_garbage_under_the_keys_of_the_cache_itself_is_got_over(
    start_app: StartApp, services: CountingServices, redis_server: RedisServer, key: str, kind: str
) -> None:
    """Whatever stands where a generation, a tag's stamp or mark, or a lease should: gateways share loads, and purge."""
    with redis_server.client() as client:
        if kind == "text":
            client.set(key, "garbage")
        else:
            client.rpush(key, "garbage")
        one, other = (_gateway(start_app, services, redis_server, REQUEST_BUDGET_SECONDS="10") for _ in range(2))
        assert _name(one) == "Call 1"
        wait_until(lambda: bool(client.exists(ENTRY)), "Redis was not told")
        assert _name(other) == "Call 1"
        assert client.pttl(LEASE) != ENDLESS
    assert _purge(one) == 204
    wait_until(lambda: _name(other) == "Call 2", "the other one was not told")
    assert _name(one) == "Call 2"
    _clean(one, other)


def test_two_workers_of_one_gateway_share_as_well(
    start_app: StartApp, services: CountingServices, redis_server: RedisServer
) -> None:
    """With WORKERS=2 a cold burst costs one call per service, and a purge reaches both workers."""
    app = _gateway(start_app, services, redis_server, WORKERS="2")
    with redis_server.client() as client:
        wait_until(lambda: _links(client) == 2, "not both workers are connected to Redis")
    users = map("user{}".format, count(1))
    wait_until(lambda: _shared(app, services, next(users)), "no burst has come to both workers")
    _name(app)
    assert _purge(app) == 204
    wait_until(lambda: _names(app) == {"Call 2"}, "a worker was not told")
    assert services.calls()["users", "/users/user1"] == 2
    _clean(app)


def _shared(app: App, services: CountingServices, user_id: str) -> bool:
    """Whether one worker waited for the other in a burst, which costs one call each in any case."""
    _costs_one_call_each(services, [app.port] * BURST, user_id)
    return bool(_tiers(app)["redis"]["coalesced"])


def _names(app: App) -> set[str]:
    return {json.loads(answer.body)["user"]["full_name"] for answer in _burst([app.port] * BURST, "user1")}


def _links(client: Any) -> int:
    return sum(one["name"] == "profile-gateway" for one in client.client_list())
