"""Who hears of an alert: the configuration of Alertmanager, as data and judged by its own tool."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.fixtures.processes import wait_until
from tests.monitoring import definitions
from tests.monitoring.alertmanager_api import running_alertmanager
from tests.monitoring.definitions import CONFIG, PROMETHEUS, ROOT, Json, yaml_of

_FILE = PROMETHEUS / "alertmanager.yml"
_PAGE = ROOT / "docs" / "monitoring.md"


def _run_amtool(*arguments: object) -> str:
    amtool = shutil.which("amtool")
    if amtool is None:
        pytest.fail("amtool is not on PATH: install it (Debian: prometheus-alertmanager), or -m 'not alertmanager'")
    done = subprocess.run([amtool, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.alertmanager
def test_the_configuration_loads() -> None:
    """Alertmanager accepts it."""
    _run_amtool("check-config", _FILE)


@pytest.mark.alertmanager
def test_the_documented_receivers_load_too(tmp_path: Path) -> None:
    """What the documentation proposes can be put in their place."""
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", _PAGE.read_text(), re.MULTILINE | re.DOTALL)
    proposed = yaml_of(_FILE) | yaml.safe_load(example)
    assert [receiver["name"] for receiver in proposed["receivers"]] == ["critical", "warning"]
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(proposed))
    _run_amtool("check-config", file)


@pytest.mark.alertmanager
@pytest.mark.parametrize("alert", definitions.alerts(), ids=lambda alert: alert["alert"])
def test_alerts_go_where_their_severity_says(alert: Json) -> None:
    """Each severity has a receiver of its own name."""
    severity = alert["labels"]["severity"]
    words = (f"--config.file={_FILE}", f"alertname={alert['alert']}", f"severity={severity}", "job=api-gateway")
    assert _run_amtool("config", "routes", "test", *words).split() == [severity]


def test_no_receiver_needs_a_secret() -> None:
    """As it stands nothing is sent anywhere, so that it runs as it is."""
    assert yaml_of(_FILE)["receivers"] == [{"name": "critical"}, {"name": "warning"}]


def test_what_keeps_an_alert_silent_exists() -> None:
    """Inhibitions name alerts that there are, and no service."""
    text = _FILE.read_text()
    named = {name for found in re.findall(r'alertname=~?"([\w|]+)"', text) for name in found.split("|")}
    assert named <= {alert["alert"] for alert in definitions.alerts()}
    assert [rule["equal"] for rule in yaml_of(_FILE)["inhibit_rules"]] == [
        ["job"],
        ["job"],
        ["service_name"],
        ["job", "namespace", "instance"],
        ["job", "namespace", "instance"],
    ]


@pytest.mark.alertmanager
@pytest.mark.parametrize("cause", ["InstanceDown", "ReplicasMissing"])
def test_a_service_that_is_down_stands_for_its_breaker(tmp_path: Path, cause: str) -> None:
    """Whichever it is, of whatever severity; others, and a gateway that is down, silence nothing of it."""
    alerts = [
        {"alertname": cause, "service_name": "stock_level", "severity": "warning", "job": "stock-level"},
        {"alertname": cause, "severity": "critical", "job": "api-gateway"},
        *(
            {"alertname": name, "service_name": service, "severity": "warning", "job": "api-gateway"}
            for name in ("BreakerOpen", "UpstreamFailing", "WrongSubject")
            for service in ("stock_level", "reviews")
        ),
    ]
    expected = [("BreakerOpen", "stock_level"), ("UpstreamFailing", "stock_level")]
    with running_alertmanager(_FILE, tmp_path) as alertmanager:
        alertmanager.send(alerts)
        wait_until(lambda: alertmanager.silent() == expected, f"not just these are silent: {expected}")


@pytest.mark.alertmanager
def test_a_gateway_without_redis_or_keys_stands_for_what_that_costs(tmp_path: Path) -> None:
    """Of the same gateway, and only for that."""
    gateways = [
        {"alertname": name, "severity": "warning", "job": "api-gateway", "instance": instance}
        for name in ("QuotasNotShared", "SigningKeysOld")
        for instance in ("a", "b")
    ]
    causes = [
        {"alertname": "RedisTierDown", "severity": "warning", "job": "api-gateway", "instance": "a"},
        {"alertname": "SigningKeysMissing", "severity": "critical", "job": "api-gateway", "instance": "b"},
    ]
    expected = [("QuotasNotShared", "a"), ("SigningKeysOld", "b")]
    with running_alertmanager(_FILE, tmp_path) as alertmanager:
        alertmanager.send([*causes, *gateways])
        wait_until(lambda: alertmanager.silent() == expected, f"not just these are silent: {expected}")


def test_prometheus_sends_alerts_to_the_container() -> None:
    """The address is that of the container, which runs under a profile of its own."""
    (group,) = yaml_of(CONFIG)["alerting"]["alertmanagers"]
    assert group == {"static_configs": [{"targets": ["alertmanager:9093"]}]}
    container = yaml_of(ROOT / "docker-compose.yml")["services"]["alertmanager"]
    assert container["profiles"] == ["alerting"]
    assert container["ports"] == ["127.0.0.1:9093:9093"]
    assert f"--config.file=/etc/alertmanager/{_FILE.name}" in container["command"]
    assert "./prometheus:/etc/alertmanager:ro,z" in container["volumes"]
