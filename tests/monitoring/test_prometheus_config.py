"""The scrape configuration and the rules, read as data."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from bff.settings import DECLARED
from tests.monitoring import definitions

_TARGETS = {
    "api-gateway": "api-gateway:8000",
    "redis-exporter": "redis-exporter:9121",
    "node-exporter": "node-exporter:9100",
    "prometheus": "localhost:9090",
}


def test_every_process_is_scraped() -> None:
    """Each has a job with its one target, by the host name and port of the container; services stand in a file."""
    jobs = {job["job_name"]: job for job in definitions.yaml_of(definitions.CONFIG)["scrape_configs"]}
    assert jobs.pop("services") == {
        "job_name": "services",
        "file_sd_configs": [{"files": ["targets/services.json"]}],
    }
    assert {name: [group["targets"] for group in job["static_configs"]] for name, job in jobs.items()} == {
        name: [[target]] for name, target in _TARGETS.items()
    }


def test_no_service_is_named() -> None:
    """Neither where they are nor what is wrong with them is written for each of them."""
    files = [file for file in definitions.PROMETHEUS.rglob("*.yml") if file not in definitions.RULE_TEST_FILES]
    text = "\n".join(file.read_text() for file in [*files, *definitions.DASHBOARD_FILES])
    names = [form for name in DECLARED.services for form in (name, name.replace("_", "-"))]
    assert [name for name in names if name in text] == []


def test_scrapes_are_frequent() -> None:
    """No target is looked at more rarely than every 15 seconds."""
    config = definitions.yaml_of(definitions.CONFIG)
    intervals = [config["global"]["scrape_interval"]]
    intervals += [job["scrape_interval"] for job in config["scrape_configs"] if "scrape_interval" in job]
    assert all(re.fullmatch(r"\d+s", interval) and int(interval[:-1]) <= 15 for interval in intervals)


def test_every_rule_file_is_loaded() -> None:
    """The patterns in ``rule_files`` find each file of rules there is."""
    patterns = definitions.yaml_of(definitions.CONFIG)["rule_files"]
    loaded = {file for pattern in patterns for file in definitions.PROMETHEUS.glob(pattern)}
    assert loaded == {file for file in definitions.PROMETHEUS.glob("rules/**/*") if file.is_file()}
    assert loaded


def test_recorded_names_tell_level_metric_and_operations() -> None:
    """Recording rules follow ``level:metric:operations``."""
    odd = [name for name in definitions.recorded_names() if not re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z0-9_]+", name)]
    assert odd == []


def _essential(group: Mapping[str, Any]) -> str:
    labels: Mapping[str, str] = group.get("labels", {})
    return labels.get("essential", "")


def test_somebody_hears_when_a_target_is_down() -> None:
    """Each is watched by exactly one of the alerts on ``up``, according to how much it is missed."""
    pattern = re.compile(r'up\{(?:job=~"([a-z|-]+)", )?essential="(.*)"\} == 0')
    found = [(pattern.fullmatch(alert["expr"]), alert) for alert in definitions.alerts()]
    assert [(match[2], match[1], alert["alert"], alert["labels"]["severity"]) for match, alert in found if match] == [
        ("true", None, "InstanceDown", "critical"),
        ("false", None, "InstanceDown", "warning"),
        ("", "|".join(name for name in _TARGETS if name != "api-gateway"), "ExporterDown", "warning"),
    ]


@pytest.mark.parametrize("rule", definitions.rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_what_is_told_of_an_instance_is_told_of_its_pod(rule: definitions.Json) -> None:
    """In Kubernetes: sums keep the labels namespace and pod, and alerts have them in their summary."""
    for labels in re.findall(r"by \(([^)]*)\)", rule["expr"]):
        names = labels.split(", ")
        assert "instance" not in names or {"namespace", "pod"} <= set(names)
    if "$labels.instance" in str(rule.get("annotations")):
        summary = " ".join(rule["annotations"]["summary"].split())
        named = "{{ $labels.instance }}{{ with $labels.pod }} ({{ $labels.namespace }}/{{ . }}){{ end }}"
        assert named in summary


def test_the_gateway_is_missed_and_exporters_are_not() -> None:
    """The labels of targets that do not come from declarations."""
    jobs = {job["job_name"]: job for job in definitions.yaml_of(definitions.CONFIG)["scrape_configs"]}
    found = {name: [_essential(group) for group in jobs[name]["static_configs"]] for name in _TARGETS}
    assert found == {name: ["true" if name == "api-gateway" else ""] for name in _TARGETS}


@pytest.mark.parametrize("name", ["InstanceDown", "BreakerOpen", "UpstreamFailing"])
def test_only_essential_services_call_somebody(name: str) -> None:
    """What is wrong with a service is told with the same words whichever it is, and is critical or a warning."""
    critical, warning = [alert for alert in definitions.alerts() if alert["alert"] == name]
    assert [one["labels"]["severity"] for one in (critical, warning)] == ["critical", "warning"]
    assert critical["annotations"] == warning["annotations"]
    assert critical["for"] == warning["for"]


@pytest.mark.parametrize("alert", definitions.alerts(), ids=lambda alert: alert["alert"])
def test_alerts_say_how_bad_it_is_and_what_it_means(alert: definitions.Json) -> None:
    """Each alert has a known severity, a one-line summary and a description in whole sentences."""
    assert alert["labels"]["severity"] in {"critical", "warning"}
    summary, description = alert["annotations"]["summary"], alert["annotations"]["description"]
    assert "\n" not in summary
    assert description.endswith(".")


@pytest.mark.parametrize("alert", definitions.alerts(), ids=lambda alert: alert["alert"])
def test_alerts_have_a_case_that_fires_and_one_that_does_not(alert: definitions.Json) -> None:
    """The unit tests of the rules see each alert both ways."""
    expected = [
        bool(case["exp_alerts"])
        for file in definitions.RULE_TEST_FILES
        for test in definitions.yaml_of(file)["tests"]
        for case in test.get("alert_rule_test", ())
        if case["alertname"] == alert["alert"]
    ]
    assert set(expected) == {True, False}


@pytest.mark.parametrize("alert", definitions.alerts(), ids=lambda alert: alert["alert"])
def test_alerts_are_tested_by_name(alert: definitions.Json) -> None:
    """A unit test says by its name that the alert fires, another one that it stays silent."""
    names = [test["name"] for file in definitions.RULE_TEST_FILES for test in definitions.yaml_of(file)["tests"]]
    fires = [name for name in names if name.startswith(f"{alert['alert']} fires ")]
    silent = [name for name in names if re.match(rf"(\w+ and )*{alert['alert']} (and \w+ )*stays? silent ", name)]
    assert fires
    assert silent
