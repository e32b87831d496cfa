"""What can be counted is counted from zero, so that Prometheus sees the first event of a kind as an increase."""

from collections.abc import Iterator
from itertools import product
from typing import Final

import pytest

from tests.fixtures.exposition import Series, scraped, series
from tests.fixtures.processes import wait_until
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.system import StartSystem, System

_SERVICES: Final = ("user_service", "order_service", "product_service")
_OUTCOMES: Final = (
    "success", "ignored", "timeout", "unavailable", "bad_response", "wrong_subject", "circuit_open", "overloaded",
    "no_budget",
)  # fmt: skip
_PROFILE: Final = "/api/profile/<user_id>"
_FOR_EACH_REQUEST: Final = "http_request"
"""How the metrics begin that have the status and the time of every request."""


def _expected() -> Iterator[Series]:
    for tier in ("memory", "redis"):
        yield series("cache_hits_total", cache_type=tier)
        yield series("cache_misses_total", cache_type=tier)
    for scope in ("process", "redis"):
        yield series("cache_coalesced_total", scope=scope)
    for part, status in product(("user", "orders", "products"), ("fresh", "stale", "partial", "missing")):
        yield series("aggregate_parts_total", endpoint=_PROFILE, part=part, status=status)
    for part, source in product(("user", "orders", "products"), ("cache", "service")):
        yield series("part_sources_total", part=part, source=source)
    yield series("part_sources_total", part="products", source="joined")
    for service in (*_SERVICES, "redis"):
        yield series("service_errors_total", service_name=service)
    for service, outcome in product(_SERVICES, _OUTCOMES):
        yield series("upstream_calls_total", service_name=service, outcome=outcome)
        yield series("upstream_attempts_total", service_name=service, outcome=outcome)
    for service, outcome in product(_SERVICES, ("done", "denied")):
        yield series("upstream_retries_total", service_name=service, outcome=outcome)
    for service, state in product(_SERVICES, ("closed", "half_open", "open")):
        yield series("upstream_breaker_changes_total", service_name=service, state=state)


def _of_requests() -> Iterator[Series]:
    for reason in ("absent", "malformed", "invalid", "forbidden", "undecided"):
        yield series("auth_refused_total", reason=reason)
    for status in ("500", "503"):
        yield series("http_requests_total", method="GET", endpoint=_PROFILE, status=status)
        yield series("http_requests_total", method="DELETE", endpoint="/api/cache/profile/<user_id>", status=status)


def _lose_orders(system: System) -> None:
    """Profiles without orders until the breaker of the order service opens."""
    system.apps["orders"].kill()
    numbers = iter(range(1, 1_000))

    def is_open() -> bool:
        system.profile(f"user{next(numbers)}")
        return scraped(system.gateway).value("upstream_breaker_changes_total", state="open") > 0

    wait_until(is_open, "the breaker stays closed")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_kind_of_event_is_counted_from_zero(
    start_system: StartSystem, redis_server: RedisServer, workers: str
) -> None:
    """All label values that are known beforehand are there at the start, and failing brings no further ones."""
    system = start_system(REDIS_URL=redis_server.url, WORKERS=workers, ADMIN_TOKEN="open-sesame")
    first = scraped(system.gateway)
    wanted = {one: first.values.get(one) for one in (*_expected(), *_of_requests())}
    assert {one: value for one, value in wanted.items() if value != 0} == {}
    assert first.tally("upstream_essential") == {
        series("upstream_essential", service_name=name): value for name, value in zip(_SERVICES, (1, 1, 0), strict=True)
    }
    _lose_orders(system)
    redis_server.kill()
    wait_until(lambda: scraped(system.gateway).value("cache_tier_up", cache_type="redis") == 0, "nobody notices")
    assert system.profile("user123").status == 200
    last = scraped(system.gateway)
    assert last.value("aggregate_parts_total", part="orders", status="missing") > 0
    born = {one for one in last.growing().keys() - first.growing().keys() if not one[0].startswith(_FOR_EACH_REQUEST)}
    assert born == set()
