"""Prometheus and Grafana are told in a cluster what docker-compose tells them: the same files, the same labels."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bff.settings import GatewaySettings
from tests.deploy import chart
from tests.monitoring.definitions import CONFIG, DASHBOARD_FILES, PROMETHEUS, RULE_FILES, yaml_of

pytestmark = pytest.mark.helm

_ALL = {
    "monitoring": {
        "serviceMonitor": {"enabled": True},
        "rules": {"enabled": True, "host": True},
        "dashboards": {"enabled": True, "host": True},
    }
}


def _rules(values: chart.Json = _ALL) -> dict[str, chart.Json]:
    return {name: one["spec"] for name, one in chart.of_kind(chart.render(values), "PrometheusRule").items()}


def _object_of(file: Path) -> str:
    return file.stem.replace("_", "-")


def test_rules_are_those_of_the_files() -> None:
    """Every file, word for word."""
    assert _rules() == {_object_of(file): yaml_of(file) for file in RULE_FILES}


def test_dashboards_are_those_of_the_files() -> None:
    """Every file, byte for byte, under the label that Grafana's sidecar looks for."""
    found = {name: one for name, one in chart.of_kind(chart.render(_ALL), "ConfigMap").items() if "dashboard" in name}
    assert {name: one["data"] for name, one in found.items()} == {
        f"dashboard-{file.stem}": {file.name: file.read_text()} for file in DASHBOARD_FILES
    }
    assert {one["metadata"]["labels"]["grafana_dashboard"] for one in found.values()} == {"1"}


def test_nothing_about_hosts_where_nobody_measures_them() -> None:
    """Rules, alerts and the dashboard of the host come only when asked for."""
    values = {"monitoring": {"rules": {"enabled": True}, "dashboards": {"enabled": True}}}
    assert {_object_of(file) for file in RULE_FILES} - _rules(values).keys() == {"host", "alerts-host"}
    assert "node_" not in json.dumps(_rules(values))
    assert "dashboard-host" not in chart.of_kind(chart.render(values), "ConfigMap")


def test_nothing_is_there_by_default() -> None:
    """A cluster need not know the kinds of Prometheus' operator."""
    assert {one["kind"] for one in chart.render()} & {"ServiceMonitor", "PrometheusRule", "HTTPRoute"} == set()


def test_runbooks_are_where_they_are_said_to_be() -> None:
    """With an address before them each alert leads there."""
    base = "https://git.example.org/gateway"
    spec = _rules({"monitoring": {"rules": {"enabled": True, "runbookBase": f"{base}/"}}})
    found = [
        rule["annotations"]["runbook_url"]
        for one in spec.values()
        for group in one["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert found
    assert {url.rpartition("/")[0] for url in found} == {f"{base}/docs/runbooks"}


def _relabelled(labels: dict[str, str], relabelings: list[chart.Json]) -> dict[str, str]:
    """As Prometheus does it, for the two actions that are used."""
    for one in relabelings:
        if one.get("action") == "labeldrop":
            labels = {name: value for name, value in labels.items() if name not in one["regex"].split("|")}
        else:
            source = [labels[name] for name in one.get("sourceLabels", [])]
            labels = {**labels, one["targetLabel"]: one.get("replacement", ";".join(source))}
    return labels


def test_targets_have_the_labels_that_rules_go_by() -> None:
    """Job, service and essential are those of docker-compose; what the operator adds hides no label of a metric."""
    wanted = {"api-gateway": {"job": "api-gateway", "essential": "true"}, "redis": {"job": "redis-exporter"}}
    for one in GatewaySettings.declared.services.values():
        name = one.name.replace("_", "-")
        wanted[name] = {"job": name, "service": one.name, "essential": str(one.essential).lower()}
    documents = chart.render(_ALL)
    services = chart.of_kind(documents, "Service")
    found = {}
    for name, monitor in chart.of_kind(documents, "ServiceMonitor").items():
        (endpoint,) = monitor["spec"]["endpoints"]
        labels = services[name]["metadata"]["labels"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert endpoint["port"] in {port["name"] for port in services[name]["spec"]["ports"]}
        by_operator = {
            "job": labels[monitor["spec"]["jobLabel"]],
            "endpoint": "http",
            "service": "x",
            "container": "y",
            "pod": "gw-1-a",
        }
        found[name] = _relabelled(by_operator, endpoint["relabelings"])
    assert found == {name: {**labels, "pod": "gw-1-a", "instance": "gw-1-a"} for name, labels in wanted.items()}
    jobs = {one["job_name"] for one in yaml_of(CONFIG)["scrape_configs"]}
    assert {"api-gateway", "redis-exporter"} <= jobs


@pytest.mark.promtool
@pytest.mark.parametrize(
    "arguments", [["check", "rules", "--lint=all", "--lint-fatal"], ["test", "rules"]], ids=" ".join
)
def test_prometheus_accepts_the_rules(tmp_path: Path, arguments: list[str]) -> None:
    """As they are rendered; that they do what they should is tested of the files, which are the same."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.fail("promtool is not on PATH: install it (Debian: prometheus), or deselect: -m 'not promtool'")
    rules, tests = tmp_path / "rules", tmp_path / "tests"
    rules.mkdir()
    for name, spec in _rules().items():
        (rules / f"{name.replace('-', '_')}.yml").write_text(yaml.safe_dump(spec))
    tests.mkdir()
    shutil.copy(PROMETHEUS / "tests" / "alerts_processes_test.yml", tests)
    files = rules if arguments[0] == "check" else tests
    done = subprocess.run([promtool, *arguments, *files.iterdir()], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
