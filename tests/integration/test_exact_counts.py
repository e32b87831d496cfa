"""Load, faults and recovery: in the end the metrics say exactly what the clients saw."""

from collections.abc import Iterator, Sequence
from typing import Final

import pytest

from tests.fixtures.exact_load import PROFILE, PURGE, Account, Client, at_once
from tests.fixtures.exposition import scraped
from tests.fixtures.processes import wait_until
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.system import StartSystem

_TOKEN: Final = "open-sesame"
_LONG: Final = "600"
"""Seconds: nothing expires while the test runs, so nothing is loaded that no client has asked for."""
_USERS: Final = 40
"""So many are new to the gateway at each step."""


def _profile(client: Client, user: str) -> None:
    client.ask("GET", f"/api/profile/{user}", PROFILE)


def _head(client: Client, user: str) -> None:
    client.ask("HEAD", f"/api/profile/{user}", PROFILE)


def _unchanged(client: Client, user: str) -> None:
    client.ask("GET", f"/api/profile/{user}", PROFILE, If_None_Match="*")


def _nobody(client: Client, user: str) -> None:
    client.ask("GET", f"/api/profile/nobody-{user}", PROFILE)


def _otherwise(client: Client, user: str) -> None:
    """All that can be asked wrongly, or has nothing to do with a profile."""
    client.ask("GET", f"/api/profile/{user}.", PROFILE)
    client.ask("OPTIONS", f"/api/profile/{user}", PROFILE)
    client.ask("POST", f"/api/profile/{user}", "unmatched")
    client.ask("GET", f"/nowhere/{user}", "unmatched")
    client.ask("DELETE", f"/api/cache/profile/{user}-too", PURGE, Authorization="Bearer wrong")
    client.ask("DELETE", f"/api/cache/profile/{user}-too", PURGE, Authorization=f"Bearer {_TOKEN}")
    client.ask("GET", "/api/cache/stats", "/api/cache/stats")


def _users() -> Iterator[Sequence[str]]:
    for first in range(1, 1000, _USERS):
        yield [f"user{number}" for number in range(first, first + _USERS)]


def _no_leases(redis: RedisServer) -> bool:
    """Whether all loads are over: who asks while there is a lease may look twice."""
    with redis.client() as client:
        return not any(name.startswith(b"bff.lease:") for name in client.scan_iter(count=1000))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", ["1", "3"])
def test_counts_are_those_of_the_clients(start_system: StartSystem, redis_server: RedisServer, workers: str) -> None:
    """Every request, every lookup in a tier and every part delivered, while services and Redis go and come back."""
    system = start_system(
        REDIS_URL=redis_server.url, WORKERS=workers, ADMIN_TOKEN=_TOKEN, LOG_LEVEL="warning",
        CACHE_TTL_SECONDS=_LONG, CACHE_NEGATIVE_TTL_SECONDS=_LONG,
        REQUEST_BUDGET_SECONDS="20", ATTEMPT_TIMEOUT_SECONDS="10",  # nothing is slow, however busy the machine is
    )  # fmt: skip
    gateway, account, users = system.gateway, Account(), _users()
    known = next(users)
    for script in (_profile, _nobody, _otherwise, _head, _unchanged, _nobody, _profile):
        at_once(gateway.port, account, script, known)
        wait_until(lambda: _no_leases(redis_server), "a lease is left")
    system.apps["orders"].kill()
    at_once(gateway.port, account, _profile, next(users))
    system.apps["users"].kill()
    at_once(gateway.port, account, _profile, next(users))
    redis_server.kill()
    at_once(gateway.port, account, _profile, [*known, *next(users)])
    for name in ("users", "orders"):
        system.apps[name].start()
    at_once(gateway.port, account, _profile, next(users))
    redis_server.start()
    at_once(gateway.port, account, _profile, [*known, *next(users)])

    wait_until(lambda: scraped(gateway).value("http_active_requests") == 0, "a request stays active")
    exposition = scraped(gateway)
    kept = Account.of(exposition)
    assert kept.requests == account.requests
    assert kept.lookups == account.lookups
    assert exposition.value("cache_early_refreshes_total") == 0
    assert kept.parts == account.parts
    assert {status for _, _, status in account.requests} >= {"200", "204", "304", "400", "401", "404", "405", "503"}
    assert {status for _, status in account.parts} >= {"fresh", "missing"}
