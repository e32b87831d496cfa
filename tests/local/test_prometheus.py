"""The configuration of a local Prometheus."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local import prometheus
from deploy.local.errors import Refused
from tests.fixtures.processes import ROOT

FOLDER = ROOT / "prometheus"
ADDRESSES = {
    "api-gateway": "127.0.0.1:18000",
    "redis-exporter": "127.0.0.1:19121",
    "node-exporter": "127.0.0.1:19100",
    "prometheus": "127.0.0.1:19090",
    "alertmanager": "127.0.0.1:19093",
}


def _derived(**addresses: str) -> Any:
    return yaml.safe_load(prometheus.derive((FOLDER / "prometheus.yml").read_text(), FOLDER, addresses))


def test_every_job_of_the_containers_is_scraped_here_too() -> None:
    """Each has one target, the address of the component it is named after; the services stand in a file of theirs."""
    jobs = {job["job_name"]: job for job in _derived(**ADDRESSES)["scrape_configs"]}
    assert jobs.pop("services")["file_sd_configs"] == [{"files": [str(prometheus.TARGETS)]}]
    assert {name: group["targets"] for name, job in jobs.items() for group in job["static_configs"]} == {
        name: [address] for name, address in ADDRESSES.items() if name != "alertmanager"
    }


def test_labels_of_targets_are_kept() -> None:
    """Alerts are told apart by them."""
    jobs = {job["job_name"]: job for job in _derived(**ADDRESSES)["scrape_configs"]}
    assert jobs["api-gateway"]["static_configs"][0]["labels"] == {"essential": "true"}


def test_what_does_not_run_is_not_scraped() -> None:
    """A target that cannot be up would raise alarms about nothing."""
    derived = _derived(**{"api-gateway": "127.0.0.1:8000"})
    assert [job["job_name"] for job in derived["scrape_configs"]] == ["api-gateway", "services"]


def test_alerts_go_to_the_alertmanager_that_runs_here() -> None:
    """There is one, at the address of that component."""
    assert _derived(**ADDRESSES)["alerting"] == {
        "alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:19093"]}]}],
    }


def test_without_an_alertmanager_no_alert_is_sent() -> None:
    """Sending them where nobody listens would fill the log with failures."""
    assert "alerting" not in _derived(**{"api-gateway": "127.0.0.1:8000"})


def test_rules_are_found_from_anywhere() -> None:
    """The rule files' paths are absolute and lead to files."""
    patterns = [Path(pattern) for pattern in _derived(**ADDRESSES)["rule_files"]]
    assert all(pattern.is_absolute() and list(pattern.parent.glob(pattern.name)) for pattern in patterns)


def test_everything_else_is_kept() -> None:
    """Intervals are those of the containers."""
    original = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert _derived(**ADDRESSES)["global"] == original["global"]


@pytest.mark.parametrize("text", ["a: [", "- 1", ""])
def test_a_broken_configuration_is_refused(text: str) -> None:
    """The message names the file."""
    with pytest.raises(Refused, match=r"prometheus\.yml"):
        prometheus.derive(text, FOLDER, {})
