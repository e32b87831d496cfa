"""Every query of the dashboards and every rule, asked of a real Prometheus that watches the real system.

Marked ``prometheus``: these tests need Prometheus and its exporters on the PATH and fail without them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bff.settings import DECLARED
from tests.fixtures.processes import wait_until
from tests.monitoring import definitions, runbooks
from tests.monitoring.definitions import DASHBOARD_FILES, dashboard
from tests.monitoring.live_system import live_system
from tests.monitoring.prometheus_api import PrometheusApi

pytestmark = pytest.mark.prometheus

_BUILT_IN = {"__rate_interval": "10s", "__range": "5m"}


def _substituted(expression: str, board: definitions.Json) -> str:
    chosen = {variable["name"]: variable["allValue"] for variable in board["templating"]["list"]}
    for name, value in (chosen | _BUILT_IN).items():
        expression = expression.replace(f"${name}", value)
    return expression


_BOARDS = [dashboard(file) for file in DASHBOARD_FILES]
_QUERIES = [
    pytest.param(_substituted(expression, board), id=f"{board['title']}: {name}")
    for board in _BOARDS
    for name, expression in definitions.queries(board)
]
_VARIABLES = [
    pytest.param(variable, _substituted(variable["definition"], board), id=f"{board['title']}: {variable['name']}")
    for board in _BOARDS
    for variable in board["templating"]["list"]
]
_NOTES = {note["name"]: _substituted(note["expr"], board) for board in _BOARDS for note in board["annotations"]["list"]}
_SEEN_LIVE = ("Restarts", "New versions", "Breaker changes")
"""The annotations that a start and losing a service bring about, each within some seconds."""


_SEEN_WHEN_WELL = (
    "cache_coherent == 1",
    'cache_hits_total{cache_type="memory"} > 0',
    "cache_early_refreshes_total > 0",
    'cache_coalesced_total{scope="process"} > 0',
    "cache_invalidations_total > 0",
    "cache_redis_lag_seconds > 0",
    'part_sources_total{part="products", source="cache"} > 0',
    'http_requests_total{method="DELETE", status="204"} > 0',
    'auth_refused_total{reason="absent"} > 0',
    'rate_limit_leases_total{policy="user", outcome="granted"} > 0',
    "auth_keys > 0",
)
"""What the traffic does to cache and edge, before anything fails."""

_SEEN_WITHOUT_ORDERS = (
    'aggregate_parts_total{part="orders", status="missing"} > 0',
    'aggregate_parts_total{part="orders", status="stale"} > 0',
    'upstream_breaker_changes_total{service_name="order_service", state="open"} > 0',
)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusApi]:
    """A Prometheus that has seen the system work, lose a service and recover.

    Older parts have stood in for those of the order service in some answers and others have missed them, and its
    breaker has opened.
    """
    with live_system(tmp_path_factory.mktemp("live"), guarded=True) as system:
        for seen in _SEEN_WHEN_WELL:
            _wait_for_data(system.prometheus, seen)
        orders = system.apps["order-service"]
        orders.kill()
        for seen in _SEEN_WITHOUT_ORDERS:
            _wait_for_data(system.prometheus, seen)
        orders.start()
        wait_until(system.prometheus.all_up, "some target is not up again")
        yield system.prometheus


def _wait_for_data(prometheus: PrometheusApi, expression: str) -> None:
    complaint = f"no data: {expression}".replace("{", "{{").replace("}", "}}")
    wait_until(lambda: bool(prometheus.samples(expression)), complaint)


def test_every_target_is_up(prometheus: PrometheusApi) -> None:
    """Gateway, services, exporters and Prometheus itself answer their scrapes."""
    wait_until(prometheus.all_up, "some target is not up")


def test_targets_and_gateway_agree_on_which_services_are_missed(prometheus: PrometheusApi) -> None:
    """Both are as declared, so an alert has the same severity from whichever side the service is looked at."""
    declared = {name: service.essential for name, service in DECLARED.services.items()}
    targets = [sample["metric"] for sample in prometheus.samples('up{service!=""}')]
    assert {one["service"]: one["essential"] == "true" for one in targets} == declared
    told = prometheus.samples("upstream_essential")
    assert {one["metric"]["service_name"]: one["value"][1] == "1" for one in told} == declared


@pytest.mark.parametrize("expression", _QUERIES)
def test_every_panel_has_data(prometheus: PrometheusApi, expression: str) -> None:
    """No query of a panel comes back empty while the system is in use."""
    _wait_for_data(prometheus, expression)


@pytest.mark.parametrize(("variable", "definition"), _VARIABLES)
def test_every_variable_has_values(prometheus: PrometheusApi, variable: definitions.Json, definition: str) -> None:
    """There is something to choose from, and all of it is what *All* stands for."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", definition)
    assert found
    values = {sample["metric"][found[2]] for sample in prometheus.samples(found[1])}
    assert values
    assert all(re.fullmatch(variable["allValue"], value) for value in values)


@pytest.mark.parametrize("name", sorted(_NOTES))
def test_every_annotation_can_be_asked_for(prometheus: PrometheusApi, name: str) -> None:
    """Prometheus accepts every annotation's query, and those of restarts, versions and breakers find some."""
    over_time = f"max_over_time(({_NOTES[name]})[30m:1s])"
    prometheus.samples(over_time)
    if name in _SEEN_LIVE:
        # Steps lie on whole seconds, so what has been scraped within the last one is found in the next.
        _wait_for_data(prometheus, over_time)


@pytest.mark.parametrize("name", sorted(definitions.recorded_names()))
def test_every_recording_rule_has_data(prometheus: PrometheusApi, name: str) -> None:
    """No recorded series stays empty while the system is in use."""
    _wait_for_data(prometheus, name)


@pytest.mark.parametrize("page", runbooks.PAGES, ids=lambda page: page.stem)
def test_every_query_of_a_runbook_can_be_asked(prometheus: PrometheusApi, page: Path) -> None:
    """Prometheus understands it; whether it has an answer depends on the trouble."""
    for query in runbooks.queries(page):
        prometheus.samples(query)


def test_every_rule_can_be_evaluated(prometheus: PrometheusApi) -> None:
    """Prometheus loads every rule and evaluates each without an error."""
    rules = prometheus.rules()
    assert len(rules) == len(definitions.rules())
    assert [rule for rule in rules if rule["health"] != "ok"] == []
