"""The scrape configuration and the rules, read as data."""

import re

import pytest

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


@pytest.mark.parametrize("job", _TARGETS)
def test_somebody_hears_when_a_target_is_down(job: str) -> None:
    """Each job is watched by exactly one of the alerts on ``up``."""
    watched = [re.fullmatch(r'up\{job=~"(.+)"\} == 0', alert["expr"]) for alert in definitions.alerts()]
    assert len([found for found in watched if found and re.fullmatch(found[1], job)]) == 1


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
