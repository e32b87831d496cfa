"""The gateway's other routes, and what every answer has in common."""

import re
from typing import Any

import pytest

import shared
from bff.aggregates.kind import AggregateKind
from bff.parts.part import Aggregate
from bff.parts.sources import Sources
from bff.sources.orders import ORDERS
from shared.errors import Unreachable
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import Gateway, StartGateway

PROBLEM_FIELDS = {"type", "title", "status", "detail", "instance", "request_id"}


async def test_the_index_links_to_everything(start_gateway: StartGateway) -> None:
    """``/`` names the service, its version and routes that answer."""
    gateway = await start_gateway()
    document = (await gateway.get("/")).json()
    assert (document["name"], document["version"]) == ("api-gateway", shared.__version__)
    for link in document["links"].values():
        answer = await gateway.get(link.replace("{user_id}", "user1"))
        assert answer.status_code in {200, 503}, link


async def test_the_index_has_the_admin_routes_where_there_are_any(start_gateway: StartGateway) -> None:
    """Each with its method; where no token is set the routes are not there, and nothing tells of them."""
    assert "admin" not in (await (await start_gateway(AUTH="off")).get("/")).json()
    gateway = await start_gateway(ADMIN_TOKEN="open-sesame", AUTH="off")
    admin = (await gateway.get("/")).json()["admin"]
    assert admin == {
        "purge_all": {"method": "DELETE", "path": "/api/cache"},
        "purge_profile": {"method": "DELETE", "path": "/api/cache/profile/{user_id}"},
        "purge_tag": {"method": "DELETE", "path": "/api/cache/tags/{tag}{?mode}"},
        "tell": {"method": "POST", "path": "/api/events"},
        "revoke": {"method": "POST", "path": "/api/revocations"},
    }
    without_body = {"tell": 415, "revoke": 400}
    for name, link in admin.items():
        path = link["path"].replace("{user_id}", "user1").replace("{tag}{?mode}", "user:user1?mode=soft")
        assert (await gateway.client._request(link["method"], path)).status_code == 401
        authorized = {"Authorization": "Bearer open-sesame"}
        answer = await gateway.client._request(link["method"], path, headers=authorized)
        assert answer.status_code == without_body.get(name, 204)


@pytest.mark.parametrize("path", ["/nope", "/api", "/api/profile/", "/api/profile/a/b", "/%00", "/../etc"])
async def test_unknown_routes_are_problems(start_gateway: StartGateway, path: str) -> None:
    """A path that leads nowhere gets a problem document with every field."""
    answer = await (await start_gateway()).get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == PROBLEM_FIELDS
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_methods_that_do_not_work_here_are_405_with_allow(start_gateway: StartGateway, method: str) -> None:
    """The answer names the methods that do."""
    gateway = await start_gateway()
    answer = await gateway.client._request(method, "/api/profile/user1")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, PATCH"
    assert answer.json()["type"] == "urn:problem:method-not-allowed"


async def test_options_tells_what_works(start_gateway: StartGateway) -> None:
    """OPTIONS answers with Allow and no body."""
    answer = await (await start_gateway()).client.options("/api/profile/user1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, PATCH"


@pytest.mark.parametrize("path", ["/", "/api/profile/user1", "/health", "/metrics", "/nope"])
async def test_every_answer_carries_the_common_headers(start_gateway: StartGateway, path: str) -> None:
    """Identity, trace, date and nosniff are on every answer; the server's name on none."""
    answer = await (await start_gateway()).get(path)
    assert re.fullmatch(r"[\x21-\x7e]{1,128}", answer.headers["x-request-id"])
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", answer.headers["traceparent"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["date"].endswith("GMT")
    assert "server" not in answer.headers


async def test_a_request_id_and_a_trace_are_taken_over(start_gateway: StartGateway) -> None:
    """What the client sent comes back: the id as it was, the trace with a span of ours."""
    gateway = await start_gateway()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = await gateway.get("/", X_Request_ID="order-4711", traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    assert answer.headers["x-request-id"] == "order-4711"
    assert answer.headers["traceparent"].split("-")[1] == trace
    assert answer.headers["traceparent"].split("-")[2] != "00f067aa0ba902b7"


async def test_health_shows_every_component(start_gateway: StartGateway) -> None:
    """All well: healthy, with Redis disabled when none is configured."""
    answer = await (await start_gateway()).get("/health")
    document = answer.json()
    assert answer.status_code == 200
    assert set(document) == {"status", "service", "version", "timestamp", "services", "instances", "cache"}
    assert document["status"] == "healthy"
    assert document["services"] == {
        "user_service": "healthy",
        "order_service": "healthy",
        "product_service": "healthy",
        "redis": "disabled",
    }
    assert document["instances"] == {
        "user_service": {"healthy": 1, "of": 1},
        "order_service": {"healthy": 1, "of": 1},
        "product_service": {"healthy": 1, "of": 1},
    }
    assert document["cache"] == {"type": "in_memory", "status": "healthy"}


@pytest.mark.parametrize(
    ("dead", "status", "code"),
    [
        (["products"], "degraded", 200),
        (["users"], "degraded", 200),
        (["users", "products"], "degraded", 200),
        (["users", "orders"], "unhealthy", 503),
    ],
)
async def test_health_is_unhealthy_only_when_nothing_can_be_served(
    start_gateway: StartGateway, dead: list[str], status: str, code: int
) -> None:
    """One dead service degrades; without users and orders there is nothing to give."""
    services = FakeServices.with_profile()
    services.failures = {name: Unreachable("gone") for name in dead}
    answer = await (await start_gateway(services)).get("/health")
    assert (answer.status_code, answer.json()["status"]) == (code, status)


async def test_health_checks_are_remembered(start_gateway: StartGateway) -> None:
    """Probing often is no load on the services."""
    gateway = await start_gateway()
    for _ in range(3):
        await gateway.get("/health")
    assert len(gateway.services.calls) == 3


async def test_live_and_ready(start_gateway: StartGateway) -> None:
    """A serving gateway lives and is ready, whatever its services do."""
    services = FakeServices.with_profile()
    services.failures = {name: Unreachable("gone") for name in ("users", "orders", "products")}
    gateway = await start_gateway(services)
    assert (await gateway.get("/health/live")).json() == {"status": "alive"}
    assert (await gateway.get("/health/ready")).json() == {"status": "ready"}


async def _tier(gateway: Gateway, name: str) -> dict[str, Any]:
    tier: dict[str, Any] = (await gateway.get("/api/cache/stats")).json()["tiers"][name]
    return tier


async def test_cache_stats_count_lookups_and_entries(start_gateway: StartGateway) -> None:
    """A miss and a hit are seen as such; Redis is shown as disabled where none is configured."""
    gateway = await start_gateway()
    before = await _tier(gateway, "memory")
    await gateway.get("/api/profile/user1")
    await gateway.get("/api/profile/user1")
    after = await _tier(gateway, "memory")
    assert (after["hits"] - before["hits"], after["misses"] - before["misses"]) == (1, 1)
    assert (after["state"], after["entries"]) == ("alone", 6)
    assert after["bytes"] > 500
    assert 0 < after["hit_ratio"] < 1
    assert (await _tier(gateway, "redis"))["state"] == "disabled"


async def test_a_second_aggregate_is_one_small_description(start_gateway: StartGateway) -> None:
    """A new kind of aggregate gets caching, provenance, headers and errors without code of its own."""

    async def load(user_id: str, sources: Sources) -> Aggregate:
        orders = await sources.take(ORDERS, user_id)
        return Aggregate({"orders": orders})

    history = AggregateKind("history", "/api/history", "user_id", load, parts=(ORDERS,))
    gateway = await start_gateway(kinds=[history])
    first, second = await gateway.get("/api/history/user1"), await gateway.get("/api/history/user1")
    assert first.json()["metadata"]["parts"] == {"orders": {"status": "fresh"}}
    assert second.json()["metadata"]["cached"] is True
    assert (await gateway.get("/api/history/a.b")).status_code == 400
    assert (await gateway.get("/")).json()["links"]["history"] == "/api/history/{user_id}"


async def test_metrics_show_the_fixed_names(start_gateway: StartGateway) -> None:
    """The names that dashboards elsewhere rely on are exported with their labels."""
    gateway = await start_gateway()
    await gateway.get("/api/profile/user1")
    text = (await gateway.get("/metrics")).text
    for sample in (
        'http_requests_total{endpoint="/api/profile/<user_id>",method="GET",status="200"}',
        'http_request_duration_seconds_bucket{endpoint="/api/profile/<user_id>",le="0.001",method="GET"}',
        "http_active_requests 0.0",
        'cache_misses_total{cache_type="memory"}',
        "aggregation_duration_seconds_count",
        'upstream_attempts_total{outcome="success",service_name="user_service"}',
        'aggregate_parts_total{endpoint="/api/profile/<user_id>",part="products",status="fresh"}',
    ):
        assert sample in text
