"""How pods start, are watched, stop, and are kept apart; and what they may do."""

import re
from math import ceil

import pytest

from bff.settings import GatewaySettings
from shared.settings.declared import variables
from tests.deploy import chart
from tests.deploy.chart import Json
from tests.monitoring.definitions import ROOT

pytestmark = pytest.mark.helm

_DEFAULTS = {one.name: one.default for one in variables(GatewaySettings)}
_PROCESSES = ("api-gateway", "order-service", "product-service", "user-service")
_each = pytest.mark.parametrize("name", _PROCESSES)


def _pod(documents: list[Json], name: str) -> Json:
    pod: Json = chart.of_kind(documents, "Deployment")[name]["spec"]["template"]["spec"]
    return pod


@pytest.mark.parametrize("asleep", [0, 5, 30])
@pytest.mark.parametrize("drain", [None, 0, 0.25, 7.5, "12"])
@pytest.mark.parametrize("grace", [None, 1, 60])
def test_a_pod_has_the_time_that_its_process_takes_to_stop(
    asleep: int, drain: float | None, grace: float | None
) -> None:
    """Asleep, draining and finishing, and a few seconds more; settings that are not set count as what they are then."""
    settings = {"SHUTDOWN_DRAIN_SECONDS": drain, "SHUTDOWN_GRACE_SECONDS": grace}
    given = {name: value for name, value in settings.items() if value is not None}
    values = {"processes": {"preStopSeconds": asleep, "settings": given}}
    takes = asleep + sum(float(given.get(name, _DEFAULTS[name])) for name in settings)
    documents = chart.render(values)
    for name in _PROCESSES:
        pod = _pod(documents, name)
        assert ceil(takes) < pod["terminationGracePeriodSeconds"] <= takes + 6
        lifecycle = pod["containers"][0].get("lifecycle")
        assert lifecycle == ({"preStop": {"sleep": {"seconds": asleep}}} if asleep else None)


@_each
def test_probes_ask_where_nobody_else_does(name: str) -> None:
    """Alive while the loop turns; whether it is ready is looked at often, so that a sick one is soon left out."""
    values = {"gateway": {"tls": {"existingSecret": "tls"}, "settings": {"AUTH": "jwt"}}}
    container = _pod(chart.render(values), name)["containers"][0]
    probes = {kind: container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")}
    paths = {kind: probe["httpGet"]["path"] for kind, probe in probes.items()}
    assert paths == {"startup": "/health/live", "liveness": "/health/live", "readiness": "/health/ready"}
    (port,) = {probe["httpGet"]["port"] for probe in probes.values()}
    assert port == ("operations" if name == "api-gateway" else "http")
    assert port in {one["name"] for one in container["ports"]}
    assert {"scheme" in probe["httpGet"] for probe in probes.values()} == {False}
    assert probes["readiness"]["periodSeconds"] == 2
    liveness = probes["liveness"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 30  # a machine may stand still for a moment
    assert liveness["terminationGracePeriodSeconds"] <= 10  # it would not use the time that others have to stop


@_each
def test_ports_are_those_that_the_process_listens_on(name: str) -> None:
    """The container's, the Service's and the settings are the same."""
    documents = chart.render({"gateway": {"operationsPort": 9000}})
    deployment = chart.of_kind(documents, "Deployment")[name]
    given, service = chart.environment(deployment), chart.of_kind(documents, "Service")[name]["spec"]
    ports = {one["name"]: str(one["containerPort"]) for one in chart.container(deployment)["ports"]}
    wanted = {"http": given["PORT"]} | ({"operations": given["OPS_PORT"]} if name == "api-gateway" else {})
    assert ports == wanted
    assert {one["targetPort"] for one in service["ports"]} == ports.keys()
    assert service["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("mode", ["single", "sentinel"])
def test_pods_may_do_nothing_that_they_need_not(mode: str) -> None:
    """What Pod Security calls restricted, a read-only root, and no token of Kubernetes."""
    values = {"redis": {"mode": mode}, "monitoring": {"serviceMonitor": {"enabled": True}}}
    pods = [one.get("spec", {}).get("template", {}).get("spec") or one["spec"] for one in chart.render(values)
            if one["kind"] in {"Deployment", "StatefulSet", "Pod"}]  # fmt: skip
    assert len(pods) == 6
    for pod in pods:
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
        assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 10001)
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            own = container["securityContext"]
            assert (own["allowPrivilegeEscalation"], own["readOnlyRootFilesystem"]) == (False, True)
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            assert "cpu" not in container["resources"]["limits"]


@_each
def test_what_is_written_goes_to_memory(name: str) -> None:
    """The files of /tmp, through which workers share metrics, cost no disk; their size is bounded."""
    pod = _pod(chart.render(), name)
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert volumes["tmp"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "64Mi"}
    mounts = {one["mountPath"]: one["name"] for one in pod["containers"][0]["volumeMounts"]}
    assert mounts["/tmp"] == "tmp"  # noqa: S108 - in a container of its own
    assert set(mounts.values()) == volumes.keys()


@_each
def test_pods_are_spread_over_zones_and_hosts(name: str) -> None:
    """Those of one revision among themselves, so that a rollout ends as it began."""
    for constraint in _pod(chart.render(), name)["topologySpreadConstraints"]:
        assert (constraint["maxSkew"], constraint["matchLabelKeys"]) == (1, ["pod-template-hash"])
        assert constraint["labelSelector"]["matchLabels"]["app.kubernetes.io/name"] == name
    values = {"processes": {"spread": {"hosts": "DoNotSchedule"}}}
    keys = {
        one["topologyKey"]: one["whenUnsatisfiable"]
        for one in _pod(chart.render(values), name)["topologySpreadConstraints"]
    }
    assert keys == {"topology.kubernetes.io/zone": "ScheduleAnyway", "kubernetes.io/hostname": "DoNotSchedule"}


@_each
@pytest.mark.parametrize("scaled", [True, False])
def test_how_many_there_are_is_said_once(name: str, *, scaled: bool) -> None:
    """By the autoscaler where there is one: a number beside it would be put back at each upgrade."""
    values = {"autoscaling": {"enabled": scaled, "minReplicas": 4}, "replicas": 4}
    documents = chart.render({"gateway": values, "services": dict.fromkeys(_PROCESSES[1:], values)})
    deployment = chart.of_kind(documents, "Deployment")[name]
    scalers = chart.of_kind(documents, "HorizontalPodAutoscaler")
    assert ("replicas" in deployment["spec"], name in scalers) == (not scaled, scaled)
    said = scalers[name]["spec"]["minReplicas"] if scaled else deployment["spec"]["replicas"]
    assert said == 4
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    if scaled:
        assert scalers[name]["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]


@_each
def test_one_may_be_evicted_at_a_time(name: str) -> None:
    """And a sick one always, so that a node can be emptied."""
    documents = chart.render()
    budget = chart.of_kind(documents, "PodDisruptionBudget")[name]["spec"]
    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
    labels = chart.of_kind(documents, "Deployment")[name]["spec"]["template"]["metadata"]["labels"]
    assert budget["selector"]["matchLabels"].items() <= labels.items()


def test_selectors_tell_processes_and_releases_apart() -> None:
    """Whatever selects pods selects those of one process of one release."""

    def selectors(release: str) -> list[frozenset[tuple[str, str]]]:
        documents = chart.render(release=release)
        return [
            frozenset(one["spec"]["selector"]["matchLabels"].items())
            for one in documents
            if one["kind"] in {"Deployment", "StatefulSet"}
        ]

    found = selectors("one") + selectors("two")
    assert len(set(found)) == len(found) == 10


def test_a_newer_version_is_no_reason_to_restart_redis() -> None:
    """All gateways start then, and need what it has."""
    redis = chart.of_kind(chart.render(), "StatefulSet")["redis"]
    assert redis["metadata"]["labels"].keys() >= {"app.kubernetes.io/version", "helm.sh/chart"}
    assert redis["spec"]["template"]["metadata"]["labels"] == {
        "app.kubernetes.io/name": "redis",
        "app.kubernetes.io/instance": "bff",
        "app.kubernetes.io/part-of": "profile-gateway",
    }


def test_one_redis_may_become_three() -> None:
    """Kubernetes changes nothing else of a StatefulSet that is there (its API's validation)."""
    changeable = {"replicas", "ordinals", "template", "updateStrategy", "minReadySeconds", "revisionHistoryLimit"}
    one, three = (
        chart.of_kind(chart.render({"redis": {"mode": mode}}), "StatefulSet")["redis"]["spec"]
        for mode in ("single", "sentinel")
    )
    assert {name: one[name] for name in one.keys() - changeable} == {
        name: three[name] for name in three.keys() - changeable
    }


def test_redis_is_a_cache_and_nothing_else() -> None:
    """Bounded, never on disk; a password is in no argument, and another script is another pod."""
    documents = chart.render({"redis": {"maxMemoryMB": 2000}})
    script = chart.of_kind(documents, "ConfigMap")["redis"]["data"]["redis.sh"]
    assert '--save "" --appendonly no' in script
    assert "--maxmemory 2000mb --maxmemory-policy allkeys-lru" in script
    workload = chart.of_kind(documents, "StatefulSet")["redis"]
    assert "volumeClaimTemplates" not in workload["spec"]
    other = chart.of_kind(chart.render({"redis": {"maxMemoryMB": 1000}}), "StatefulSet")["redis"]
    first, second = (one["spec"]["template"]["metadata"]["annotations"] for one in (workload, other))
    assert first["checksum/scripts"] != second["checksum/scripts"]


def test_the_gateway_has_a_way_in() -> None:
    """An Ingress and a route of Gateway API lead to the port that clients use, and not to operations."""
    documents = chart.render(chart.EVERYTHING)
    service = chart.of_kind(documents, "Service")["api-gateway"]
    (rule,) = chart.of_kind(documents, "Ingress")["api-gateway"]["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"] == {
        "name": service["metadata"]["name"],
        "port": {"name": "http"},
    }
    (route,) = chart.of_kind(documents, "HTTPRoute")["api-gateway"]["spec"]["rules"]
    http = next(one for one in service["spec"]["ports"] if one["name"] == "http")
    assert route["backendRefs"] == [{"name": service["metadata"]["name"], "port": http["port"]}]


@pytest.mark.parametrize(("settings", "expected"), [({}, "200"), ({"AUTH": "jwt"}, "401")])
def test_helm_test_expects_what_the_gateway_is_to_answer(settings: Json, expected: str) -> None:
    """A profile, or, where tokens are asked for, that there was none."""
    pod = chart.of_kind(chart.render({"gateway": {"settings": settings}}), "Pod")["test"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    _, url, status = pod["spec"]["containers"][0]["args"]
    assert url == "http://bff-profile-gateway-api-gateway.default.svc.cluster.local:80/api/profile/user123"
    assert status == expected


def test_helm_test_leaves_nothing_when_it_succeeds() -> None:
    """One that fails leaves its pod and its log. Nobody is told of ``--logs``, which fails without (helm/helm#9098)."""
    pod = chart.of_kind(chart.render(), "Pod")["test"]
    policy = set(pod["metadata"]["annotations"]["helm.sh/hook-delete-policy"].split(","))
    assert policy == {"before-hook-creation", "hook-succeeded"}
    for text in (chart.CHART / "templates" / "NOTES.txt", ROOT / "docs" / "kubernetes.md"):
        commands = [line for line in text.read_text().splitlines() if re.search(r"\bhelm\b.* test\b", line)]
        assert commands
        assert not [line for line in commands if "--logs" in line]
