"""Values that make no sense are refused before anything is made of them, and the schema knows every setting."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.chart import SCHEMA, current, main
from tests.deploy import chart
from tests.deploy.chart import CHART, Json
from tests.monitoring.definitions import ROOT

pytestmark = pytest.mark.helm

_WRONG: tuple[tuple[str, object], ...] = (
    ("nameOverride", "a.b"),
    ("fullnameOverride", "Gateway"),
    ("image.pullPolicy", "Sometimes"),
    ("image.digest", "sha256:12"),
    ("processes.replicas", -1),
    ("processes.replicas", "many"),
    ("processes.preStopSeconds", 0.5),
    ("processes.spread.zones", "Perhaps"),
    ("processes.podDisruptionBudget.maxUnavailable", "some"),
    ("gateway.autoscaling.minReplicas", 0),
    ("gateway.autoscaling.targetCPUUtilizationPercentage", 101),
    ("gateway.operationsPort", 80),
    ("gateway.operationsPort", 8000),
    ("gateway.service.type", "ExternalName"),
    ("gateway.settings.ADMIN_TOKEN", "in the open"),
    ("gateway.settings.REDIS_URL", "redis://:password@redis"),
    ("gateway.settings.OPS_PORT", 9000),
    ("gateway.settings.CACHE_TTL", 30),
    ("gateway.settings.cache_ttl_seconds", 30),
    ("gateway.settings.WORKERS", [1]),
    ("services.user-service.settings.CACHE_TTL_SECONDS", 30),
    ("services.user-service.settings.DATABASE_URL", "sqlite:///x.db"),
    ("services.user-service.enabled", False),
    ("services.user-service.url", "http://users"),
    ("services.user_service", {"enabled": False, "url": "http://users"}),
    ("services.reviews", {"enabled": True}),
    ("services.reviews", {"enabled": False, "url": "ftp://reviews"}),
    ("redis.mode", "cluster"),
    ("redis.mode", "external"),
    ("redis.externalUrl", "redis://here"),
    ("redis", {"mode": "external", "externalUrl": "redis://:in-the-open@redis.example.org"}),
    ("redis", {"mode": "external", "externalUrl": "redis+sentinel://a:1/gateway?sentinel_password=in-the-open"}),
    ("redis.maxMemoryMB", 0),
    ("httpRoute.enabled", True),
    ("ingress.hosts", []),
    ("monitoring.serviceMonitor.interval", 10),
    ("monitoring.rules.runbookBase", "docs"),
    ("test.user", "../admin"),
)


def _nested(path: str, value: object) -> Json:
    first, _, rest = path.partition(".")
    return {first: _nested(rest, value) if rest else value}


def _maps(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Every map in the values, by its path; those that take any key apart."""
    if not path.endswith(("labels", "annotations", "nodeSelector", "affinity", "matchLabels", "requests", "limits",
                          "podLabels", "podAnnotations", "dnsConfig", "services")):  # fmt: skip
        yield path
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _maps(value, f"{path}.{name}".lstrip("."))


_DEFAULTS: Json = yaml.safe_load((CHART / "values.yaml").read_text())


@pytest.mark.parametrize(("path", "value"), _WRONG, ids=[f"{path}={value}" for path, value in _WRONG])
def test_a_value_that_makes_no_sense_is_refused(path: str, value: object) -> None:
    """The message names where it stands."""
    said = chart.refused(_nested(path, value))
    assert "don't meet the specifications of the schema" in said
    assert any(part in said for part in path.split("."))


@pytest.mark.parametrize("path", sorted(_maps(_DEFAULTS)))
def test_a_misspelt_value_is_refused(path: str) -> None:
    """Wherever names are fixed, one that nothing reads is an error."""
    assert "repicas" in chart.refused(_nested(f"{path}.repicas".lstrip("."), 2))


@pytest.mark.parametrize(
    "values",
    [
        {
            "services": {"reviews": {"enabled": False, "url": "srv+http://_http._tcp.reviews"}},
            "gateway": {"egress": [{}]},
        },
        {"services": {"reviews": {"enabled": True, "module": "services.reviews", "port": 8004, "essential": False}}},
        {"redis": {"mode": "external", "externalUrl": "rediss+cluster://a:1,b:2"}, "gateway": {"egress": [{}]}},
        {"redis": {"mode": "none"}},
        {"gateway": {"settings": {"OTEL_SERVICE_NAME": "gateway", "EARLY_ANSWERS": True, "RETRIES": 0}}},
        {"processes": {"podDisruptionBudget": {"maxUnavailable": "25%"}}},
        {"global": {"of": "an umbrella"}},
    ],
    ids=str,
)
def test_values_that_make_sense_are_taken(values: Json) -> None:
    """A service more, another Redis or none, settings in any type of YAML."""
    assert chart.refused(values) == ""


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"services": {"user-service": {"enabled": False, "url": "http://users"}}}, "user-service"),
        ({"redis": {"mode": "external", "externalUrl": "redis://redis.example.org"}}, "Redis"),
        ({"gateway": {"settings": {"AUTH_JWKS_URL": "https://id.example.org/keys"}}}, "AUTH_JWKS_URL"),
        ({"services": {"user-service": {"existingSecret": "users-database"}}}, "services.user-service.egress"),
        (
            {"services": {"user-service": {"settings": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}}}},
            "services.user-service.egress",
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_the_network_policies_would_cut_off_is_noticed(values: Json, named: str) -> None:
    """Whatever runs elsewhere needs a rule, or no policies at all; it would seem to be down for ever."""
    assert named in chart.refused(values)
    assert chart.refused({**values, "networkPolicy": {"enabled": False}}) == ""


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("gateway.autoscaling.minReplicas", 13, "minReplicas (13) is more than maxReplicas (12)"),
        ("gateway.service.port", 8010, "are ports of one Service: both are 8010"),
    ],
)
def test_values_that_do_not_go_together_are_refused(path: str, value: object, reason: str) -> None:
    """Kubernetes would say so when half of the objects are there already."""
    assert reason in chart.refused(_nested(path, value))


def test_the_schema_has_the_settings_that_are_declared() -> None:
    """Nobody has edited them by hand or forgot to run `python -m deploy.chart`."""
    found = SCHEMA.read_text(encoding="utf-8")
    assert current(found) == found


def test_a_schema_that_is_not_current_is_noticed_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The check names it and leaves it alone; what is written by hand stays."""
    file = tmp_path / "values.schema.json"
    file.write_text(SCHEMA.read_text().replace('"CACHE_TTL_SECONDS"', '"CACHE_TTL"'))
    before = file.read_text()
    assert main(["--check", "--schema", str(file)]) == 1
    assert (file.read_text(), "is not current" in capsys.readouterr().err) == (before, True)
    assert main(["--schema", str(file)]) == 0
    assert file.read_text() == SCHEMA.read_text()
    assert main(["--check", "--schema", str(file)]) == 0


def test_upgrades_are_told_with_the_values_that_a_newer_chart_adds() -> None:
    """``--reuse-values`` would leave them out, and templates would find nothing in their place."""
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    commands = re.findall(r"^helm upgrade (?:.*\\\n)*.*$", page, re.MULTILINE)
    assert len(commands) == 2
    assert all(" --reset-then-reuse-values " in command for command in commands)
