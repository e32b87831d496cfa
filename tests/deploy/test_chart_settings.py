"""Each process is given its settings by the names that it declares, and everything that it declares can be given."""

import re
from pathlib import Path

import pytest
import yaml

from bff.settings import GatewaySettings
from deploy.chart import SERVICES, SET_BY_CHART, WITH_PASSWORDS, definitions
from shared import __version__
from shared.settings.declared import Settings, variables
from shared.settings.loading import load
from tests.deploy import chart
from tests.deploy.chart import CHART, VALUES_FILES, Json
from tests.monitoring.definitions import ROOT

pytestmark = pytest.mark.helm

_APPS = {
    "api-gateway": GatewaySettings,
    **{settings.__module__.split(".")[1][:-1] + "-service": settings for settings in SERVICES},
}
_VALUES: Json = yaml.safe_load((CHART / "values.yaml").read_text())
_by_app = pytest.mark.parametrize("name", _APPS)


def _known(settings: type[Settings]) -> set[str]:
    declared = variables(settings)
    return {one.name for one in declared} | {f"{one.name}_FILE" for one in declared if one.secret}


@pytest.mark.parametrize(
    "files", [(), *((file,) for file in VALUES_FILES)], ids=["defaults", *(f.stem for f in VALUES_FILES)]
)
@_by_app
def test_processes_are_given_only_what_they_read(name: str, files: tuple[Path, ...]) -> None:
    """A variable that is misspelt, or gone, would be set in vain; the password is for the address that holds it."""
    deployments = chart.of_kind(chart.render(None, *files), "Deployment")
    if name in deployments:
        assert chart.environment(deployments[name]).keys() - _known(_APPS[name]) - {"REDIS_PASSWORD"} == set()


@_by_app
def test_everything_that_is_declared_can_be_set(name: str) -> None:
    """As a value, or, where it is secret, in the Secret; what the chart sets itself it does set."""
    own = definitions()["gatewaySettings" if name == "api-gateway" else "serviceSettings"]["properties"]
    deployment = chart.of_kind(
        chart.render({"gateway": {"tls": {"existingSecret": "tls"}, "existingSecret": "own"}}), "Deployment"
    )[name]
    given = chart.environment(deployment).keys()
    for variable in variables(_APPS[name]):
        secret = variable.secret or variable.name in WITH_PASSWORDS
        assert variable.name in own or variable.name in given or secret, variable.name
    assert own.keys() & (SET_BY_CHART | WITH_PASSWORDS) == set()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (60, "60"),
        (1_000_000, "1000000"),
        (0.25, "0.25"),
        (0, "0"),
        (2.0, "2"),
        ("100/60", "100/60"),
        (True, "true"),
        ("", ""),
    ],
    ids=repr,
)
def test_a_value_reaches_the_process_as_it_was_written(value: object, text: str) -> None:
    """Whole numbers have no exponent, whatever their size, and truth is written as the app reads it."""
    values = {"gateway": {"settings": {"CACHE_TTL_SECONDS": value}}}
    assert (
        chart.environment(chart.of_kind(chart.render(values), "Deployment")["api-gateway"])["CACHE_TTL_SECONDS"] == text
    )


def test_settings_of_all_are_settings_of_each() -> None:
    """A process' own win over those of all."""
    values = {
        "processes": {"settings": {"LOG_LEVEL": "warning", "WORKERS": 2}},
        "gateway": {"settings": {"WORKERS": 4}},
    }
    found = {name: chart.environment(one) for name, one in chart.of_kind(chart.render(values), "Deployment").items()}
    assert {one["LOG_LEVEL"] for one in found.values()} == {"warning"}
    assert {name: one["WORKERS"] for name, one in found.items()} == {
        "api-gateway": "4", "order-service": "2", "product-service": "2", "user-service": "2",
    }  # fmt: skip


@_by_app
def test_the_settings_can_be_used(name: str) -> None:
    """What each process is given by default is without a mistake."""
    given = chart.environment(chart.of_kind(chart.render(), "Deployment")[name])
    settings = load(_APPS[name], {key: value or "" for key, value in given.items()})
    assert settings.host == "0.0.0.0"


@pytest.mark.parametrize("name", sorted(_APPS.keys() - {"api-gateway"}))
def test_samples_are_as_they_are_declared(name: str) -> None:
    """By name, port and how much they are missed; services that others run have nothing in the chart's own values."""
    found, declared = _VALUES["services"][name], GatewaySettings.declared.services[name.replace("-", "_")]
    assert found["essential"] is declared.essential
    assert str(found["port"]) == next(one.default for one in variables(_APPS[name]) if one.name == "PORT")


def test_the_gateway_finds_the_pods_of_each_service() -> None:
    """By a name that has the addresses of them all, at the port that they listen on; or where a team's own is."""
    values = {
        "services": {"user-service": {"enabled": False, "url": "https://users.example.org"}},
        "gateway": {"egress": [{}]},
    }
    documents = chart.render(values)
    found = chart.environment(chart.of_kind(documents, "Deployment")["api-gateway"])
    services = chart.of_kind(documents, "Service")
    assert found["USER_SERVICE_URL"] == "https://users.example.org"
    assert "user-service" not in services
    for name in ("order-service", "product-service"):
        url = found[f"{name.upper().replace('-', '_')}_URL"] or ""
        match = re.fullmatch(r"dns\+http://bff-profile-gateway-([a-z-]+)\.default\.svc\.cluster\.local:(\d+)", url)
        assert match
        spec = services[match[1]]["spec"]
        assert (spec["clusterIP"], str(spec["ports"][0]["port"])) == ("None", match[2])


@pytest.mark.parametrize("secret", ["", "gateway-redis"])
@pytest.mark.parametrize(
    ("mode", "url"),
    [
        ("none", None),
        ("single", "redis://{}bff-profile-gateway-redis.default.svc.cluster.local:6379/0"),
        (
            "sentinel",
            "redis+sentinel://{}"
            + ",".join(
                f"bff-profile-gateway-redis-{n}.bff-profile-gateway-redis.default.svc.cluster.local:26379"
                for n in range(3)
            )
            + "/gateway/0",
        ),
    ],
)
def test_the_gateway_finds_its_redis(mode: str, url: str | None, secret: str) -> None:
    """With the password where there is one: it comes before the address that it stands in."""
    documents = chart.render({"redis": {"mode": mode, "existingSecret": secret}})
    found = chart.environment(chart.of_kind(documents, "Deployment")["api-gateway"])
    if url is None:
        assert "REDIS_URL" not in found
        return
    query = "?sentinel_password=$(REDIS_PASSWORD)" if secret and mode == "sentinel" else ""
    assert found["REDIS_URL"] == url.format(":$(REDIS_PASSWORD)@" if secret else "") + query
    names = list(found)
    assert ("REDIS_PASSWORD" in names) is bool(secret)
    assert not secret or names.index("REDIS_PASSWORD") < names.index("REDIS_URL")
    given = {key: value for key, value in found.items() if value is not None and not key.endswith("_SERVICE_URL")}
    load(GatewaySettings, {**given, "REDIS_URL": found["REDIS_URL"].replace("$(REDIS_PASSWORD)", "secret-1")})
    assert chart.of_kind(documents, "StatefulSet")["redis"]["spec"]["replicas"] == (3 if mode == "sentinel" else 1)


@pytest.mark.parametrize("mode", ["none", "single", "sentinel"])
def test_services_find_the_same_redis(mode: str) -> None:
    """They keep what they read there, and tell the gateway of what they change."""
    deployments = chart.of_kind(chart.render({"redis": {"mode": mode}}), "Deployment")
    wanted = chart.environment(deployments["api-gateway"]).get("REDIS_URL")
    for name in _APPS:
        assert chart.environment(deployments[name]).get("REDIS_URL") == wanted


def test_services_are_told_of_a_redis_elsewhere_that_they_may_reach() -> None:
    """By their own egress, or where there are no policies."""
    values: Json = {"redis": {"mode": "external", "externalUrl": "redis://r"}, "gateway": {"egress": [{}]}}
    for further, told in (
        ({}, set()),
        ({"services": {"user-service": {"egress": [{}]}}}, {"user-service"}),
        ({"networkPolicy": {"enabled": False}}, {"user-service", "order-service", "product-service"}),
    ):
        deployments = chart.of_kind(chart.render(values | further), "Deployment")
        given = {name for name in _APPS if "REDIS_URL" in chart.environment(deployments[name])}
        assert given == {"api-gateway", *told}


def test_an_address_of_redis_may_be_a_secret() -> None:
    """Or stand in the values, where it has no password."""
    for given, wanted in ({"externalUrl": "redis://r"}, "redis://r"), ({"existingSecret": "s"}, None):
        values = {"redis": {"mode": "external", **given}, "gateway": {"egress": [{}]}}
        documents = chart.render(values)
        assert chart.environment(chart.of_kind(documents, "Deployment")["api-gateway"])["REDIS_URL"] == wanted
        assert chart.of_kind(documents, "StatefulSet") == {}


def test_the_chart_is_of_this_version() -> None:
    """Chart and image have the version of the project, and other images are those of docker-compose.yml."""
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert about["appVersion"] == __version__
    images = {
        one.get("image") for one in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values()
    }
    assert {_VALUES["redis"]["image"], _VALUES["redis"]["exporter"]["image"]} <= images
    image = chart.container(chart.of_kind(chart.render(), "Deployment")["api-gateway"])["image"]
    assert image == f"profile-gateway:{__version__}"
