"""Every metric that a dashboard or a rule asks for is one that somebody exports."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.fixtures.metric_names import exported_names
from tests.monitoring import definitions
from tests.monitoring.promql import metric_names

_FOREIGN = re.compile(r"up|ALERTS|(redis|node|prometheus|process|kube)_\w+")


@cache
def _known() -> frozenset[str]:
    return exported_names() | definitions.recorded_names()


def unknown(expression: str) -> set[str]:
    """The metrics in ``expression`` that nobody exports and no rule records."""
    return {name for name in metric_names(expression) - _known() if not _FOREIGN.fullmatch(name)}


@pytest.mark.parametrize("file", definitions.DASHBOARD_FILES, ids=lambda file: file.name)
def test_dashboards_ask_for_metrics_that_exist(file: Path) -> None:
    """Each panel, variable and annotation of a dashboard names at least one metric, and only existing ones."""
    board = definitions.dashboard(file)
    expressions = [expression for _, expression in definitions.queries(board)]
    expressions += [note["expr"] for note in board["annotations"]["list"]]
    assert [expression for expression in expressions if not metric_names(expression)] == []
    expressions += [variable["definition"].rpartition(",")[0] for variable in board["templating"]["list"]]
    assert {expression: unknown(expression) for expression in expressions if unknown(expression)} == {}


def test_rules_ask_for_metrics_that_exist() -> None:
    """Each rule names at least one metric, and only existing ones."""
    expressions = [rule["expr"] for rule in definitions.rules()]
    assert [expression for expression in expressions if not metric_names(expression)] == []
    assert {expression: unknown(expression) for expression in expressions if unknown(expression)} == {}


def test_rule_tests_feed_metrics_that_exist() -> None:
    """No unit test of a rule stands on a series that nobody exports."""
    series = [
        given["series"]
        for file in definitions.RULE_TEST_FILES
        for test in definitions.yaml_of(file)["tests"]
        for given in test["input_series"]
    ]
    assert {name: unknown(name) for name in series if unknown(name)} == {}


def test_an_invented_metric_is_noticed() -> None:
    """The check above can fail: a name that nobody exports is reported."""
    assert unknown('rate(http_requests_tally{job="api-gateway"}[5m])') == {"http_requests_tally"}
