"""The whole system as a newcomer runs it: real services with real databases, killed and brought back."""

import json

import pytest

from tests.fixtures import entry_keys
from tests.fixtures.processes import wait_until
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.system import SERVICES, StartSystem, System

PART_OF = {"users": "user", "orders": "orders", "products": "products"}


def _no_traceback(system: System) -> None:
    for app in system.apps.values():
        assert "Traceback" not in app.lines()
        for line in app.lines().splitlines():
            assert {"timestamp", "level", "event", "logger", "service", "request_id", "trace_id"} <= set(
                json.loads(line)
            )


def test_a_real_user_comes_from_three_services_and_then_from_the_cache(
    start_system: StartSystem, redis_server: RedisServer
) -> None:
    """The first profile of user123 is aggregated, the second is a hit in memory, and Redis has it for others."""
    system = start_system(REDIS_URL=redis_server.url)
    wait_until(lambda: system.get("/health").document["services"]["redis"] == "healthy", "redis is not seen")
    first = system.profile("user123")
    assert first.status == 200
    assert [order["id"] for order in first.document["orders"]] == ["order456", "order123"]
    assert set(first.document["products"]) == {"prod1", "prod2", "prod3"}
    second = system.profile("user123")
    assert second.document["metadata"]["cached"] is True
    assert second.headers["Cache-Status"].startswith("memory; hit; ttl=")
    with redis_server.client() as client:
        wait_until(lambda: bool(client.exists(entry_keys.profile("user123"))), "Redis was not told")
    assert system.get("/health").document["status"] == "healthy"
    _no_traceback(system)


def test_each_service_may_die_and_come_back(start_system: StartSystem) -> None:
    """A dead service costs its part alone; without a restart of the gateway all is well again afterwards."""
    system = start_system()
    for number, service in enumerate(SERVICES):
        app = system.apps[service]
        app.kill()
        answer = system.profile(f"user{number + 10}")
        name = PART_OF[service]
        assert answer.status == 200
        assert answer.document[name] is None
        assert answer.document["metadata"]["partial"] is True
        assert answer.document["metadata"]["parts"][name] == {"status": "missing", "reason": "unavailable"}
        app.start()
        wait_until(
            lambda user=f"user{number + 10}": not system.profile(user).document["metadata"]["partial"],  # type: ignore[misc]
            f"it is not whole again after {service} came back",
        )
    _no_traceback(system)


def test_total_outage_is_an_honest_503(start_system: StartSystem) -> None:
    """With all services dead the gateway says so, and still serves what it has cached."""
    system = start_system()
    assert system.profile("user123").status == 200
    for service in SERVICES:
        system.apps[service].kill()
    answer = system.profile("user456")
    assert answer.status == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    assert system.profile("user123").document["metadata"]["cached"] is True
    assert system.get("/health").status == 503
    for service in SERVICES:
        system.apps[service].start()
    wait_until(lambda: system.profile("user456").status == 200, "it does not come back")


def test_killing_redis_costs_no_client_an_error(start_system: StartSystem, redis_server: RedisServer) -> None:
    """Redis dies, memory takes over with what it has; Redis comes back and is used again."""
    system = start_system(REDIS_URL=redis_server.url)
    wait_until(lambda: system.get("/health").document["services"]["redis"] == "healthy", "redis is not seen")
    system.profile("user123")
    redis_server.kill()
    assert system.profile("user123").status == 200
    # For the moment in which it is not certain that Redis is gone, memory is not believed.
    wait_until(lambda: system.profile("user123").headers["Cache-Status"].startswith("memory; hit"), "memory serves not")
    wait_until(lambda: system.get("/health").document["services"]["redis"] == "unhealthy", "nobody noticed")
    assert system.get("/health").document["status"] == "degraded"
    redis_server.start()
    wait_until(lambda: system.get("/health").document["services"]["redis"] == "healthy", "redis is not used again")
    assert system.profile("user7").headers["Cache-Status"].startswith("redis; fwd=uri-miss")
    _no_traceback(system)


def test_a_user_nobody_knows_is_404(start_system: StartSystem) -> None:
    """The user service's 404 becomes the gateway's."""
    answer = start_system().profile("nobody")
    assert answer.status == 404
    assert answer.document["type"] == "urn:problem:not-found"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stop_signal_ends_the_gateway_cleanly(start_system: StartSystem, workers: str) -> None:
    """SIGTERM: exit code 0, with one worker and with several, the last word in the log being that it stopped."""
    system = start_system(WORKERS=workers)
    assert system.profile("user123").status == 200
    assert system.gateway.stop() == 0
    assert json.loads(system.gateway.lines().splitlines()[-1])["event"] == "stopped"


def test_the_gateway_starts_before_anything_it_needs(start_system: StartSystem) -> None:
    """Start-up waits for no service and no Redis."""
    system = start_system(REDIS_URL="redis://127.0.0.1:1/0", USER_SERVICE_URL="http://127.0.0.1:1")
    assert system.get("/health/ready").status == 200
    assert system.part("user123", "user") == {"status": "missing", "reason": "unavailable"}
