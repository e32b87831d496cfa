"""Faults in the running system, watched by a real Prometheus: the alerts that they should raise fire, no others do.

Marked ``prometheus``: this test needs Prometheus and its exporters on the PATH and fails without them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures.processes import wait_until
from tests.monitoring import definitions
from tests.monitoring.live_system import LiveSystem, live_system
from tests.monitoring.short_rules import short_rules

pytestmark = pytest.mark.prometheus

Alert = tuple[str, str]
"""Its name, and what it is about: a called service, a part or a job."""

_WITHOUT_REDIS: Final[set[Alert]] = {("RedisTierDown", "api-gateway")}
_WITHOUT_ORDERS: Final[set[Alert]] = {
    ("InstanceDown", "order_service"),
    ("BreakerOpen", "order_service"),
    ("PartialAnswers", "orders"),
    ("PartialAnswers", "products"),
}
_WITHOUT_LEASES: Final[Alert] = ("QuotasNotShared", "api-gateway")
_WITHOUT_KEYS: Final[Alert] = ("SigningKeysMissing", "api-gateway")
_WHILE_THEY_LAST: Final = {"InstanceDown", "BreakerOpen"}
"""Of these, the alerts that end with the fault; the others look back over minutes."""
_BEFORE_AND_AFTER: Final = {"UpstreamFailing"}
"""What holds until a breaker has opened, and again when it has closed, for it looks back over minutes."""
_OF_THE_MACHINE: Final = {"EventLoopLate", "LatencyBurn", "LatencyBurnSlow", "HostDiskLow", "HostMemoryLow"}
"""What may be true of the machine that the tests run on, busy and full as it is."""

_COUNTED: Final = 'http_requests_total{job="api-gateway", endpoint!~"/metrics|/health.*"}'


@pytest.fixture
def rules(tmp_path: Path) -> list[Path]:
    """Rules with little patience."""
    folder = tmp_path / "rules"
    folder.mkdir()
    return short_rules(folder)


@pytest.fixture
def system(tmp_path: Path, rules: list[Path]) -> Iterator[LiveSystem]:
    """A system whose breakers look often whether a service is back.

    Nobody purges, nor tells of events: without Redis neither can be done everywhere, and what fails counts against the
    availability.
    """
    settings = {"BREAKER_OPEN_MAX_SECONDS": "5"}
    with live_system(tmp_path, rule_files=rules, gateway=settings, purges=False) as running:
        yield running


@pytest.fixture
def guarded(tmp_path: Path, rules: list[Path]) -> Iterator[LiveSystem]:
    """A system whose gateway asks for tokens, and counts by the second."""
    limits = {"RATE_LIMIT_USER": "100000/1", "RATE_LIMIT_ADDRESS": "100000/1"}
    with live_system(tmp_path, rule_files=rules, gateway=limits, purges=False, guarded=True) as running:
        yield running


def _wait_for_alerts(system: LiveSystem, expected: set[Alert]) -> None:
    """Wait until just these are active, and then until each of them fires."""

    def active(*states: str) -> set[Alert]:
        alerts = system.prometheus.active_alerts()
        return {(name, about) for name, about, state in alerts if name not in _OF_THE_MACHINE and state in states}

    for states in (("pending", "firing"), ("firing",)):
        try:
            wait_until(lambda: active("pending", "firing") == expected == active(*states), "")  # noqa: B023 - at once
        except AssertionError:
            raise AssertionError(f"expected {expected}, found {system.prometheus.active_alerts()}") from None


def _counted(system: LiveSystem) -> dict[tuple[str, str, str], float]:
    found = system.prometheus.samples(f"sum by (method, endpoint, status) ({_COUNTED}) > 0")
    return {
        (sample["metric"]["method"], sample["metric"]["endpoint"], sample["metric"]["status"]): float(
            sample["value"][1]
        )
        for sample in found
    }


@pytest.mark.timeout(300)
def test_faults_raise_their_alerts_and_no_others(system: LiveSystem) -> None:
    """Losing Redis and losing a service each fire what their runbooks are for; counts are those of the clients."""
    _wait_for_alerts(system, set())

    system.redis.kill()
    _wait_for_alerts(system, _WITHOUT_REDIS)
    system.redis.start()
    _wait_for_alerts(system, set())

    orders = system.apps["order-service"]
    orders.kill()
    _wait_for_alerts(system, _WITHOUT_ORDERS)
    orders.start()
    wait_until(
        lambda: not _WHILE_THEY_LAST & {name for name, _, _ in system.prometheus.active_alerts()},
        "an alert outlasts its fault",
    )

    system.traffic.stop()
    wait_until(lambda: _counted(system) == system.traffic.answered, "not all are counted, or some twice")
    fired = {
        sample["metric"]["alertname"]
        for sample in system.prometheus.samples('last_over_time(ALERTS{alertstate="firing"}[10m])')
    }
    assert fired <= {name for name, _ in _WITHOUT_REDIS | _WITHOUT_ORDERS} | _BEFORE_AND_AFTER | _OF_THE_MACHINE


@pytest.mark.timeout(300)
def test_faults_of_the_edge_raise_their_alerts(guarded: LiveSystem) -> None:
    """Losing Redis leaves each process with a share of quotas; a gateway that starts without keys lets nobody in."""
    _wait_for_alerts(guarded, set())
    guarded.redis.kill()
    waits = (*_WITHOUT_LEASES, "pending")  # for longer than a test can
    wait_until(lambda: waits in guarded.prometheus.active_alerts(), "nobody is told that quotas are not shared")

    guarded.traffic.stop()
    gateway = guarded.apps["api-gateway"]
    gateway.stop()
    guarded.keys.status = 500
    gateway.launch()
    fires = (*_WITHOUT_KEYS, "firing")
    wait_until(lambda: fires in guarded.prometheus.active_alerts(), "nobody is told that keys are missing")
    guarded.keys.status = 200
    gateway.wait_ready()
    wait_until(lambda: fires not in guarded.prometheus.active_alerts(), "the alert outlasts its fault")


def test_the_alerts_named_here_exist() -> None:
    """A name that no rule has would be expected in vain, or let something pass."""
    named = (
        {name for name, _ in {*_WITHOUT_REDIS, *_WITHOUT_ORDERS, _WITHOUT_LEASES, _WITHOUT_KEYS}}
        | _BEFORE_AND_AFTER
        | _OF_THE_MACHINE
    )
    assert named <= {rule["alert"] for rule in definitions.alerts()}
