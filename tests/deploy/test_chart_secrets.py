"""What a change of a Secret restarts: helm looks into the cluster that it talks to, which is a small one here."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import pytest

from tests.deploy import chart
from tests.deploy.chart import Json

pytestmark = pytest.mark.helm

_KINDS: Final = {
    "v1": ("ConfigMap", "Secret", "Service", "ServiceAccount"),
    "apps/v1": ("Deployment", "StatefulSet"),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "policy/v1": ("PodDisruptionBudget",),
}
"""What the chart makes, by version."""


def _known() -> Iterator[tuple[str, Json]]:
    """What helm asks a cluster for before anything else, by path."""
    yield "/version", {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    yield "/api", {"kind": "APIVersions", "versions": ["v1"]}
    groups = []
    for version, kinds in _KINDS.items():
        group, _, number = version.rpartition("/")
        resources = [{"name": f"{kind.lower()}s", "kind": kind, "namespaced": True, "verbs": ["get"]} for kind in kinds]
        path = f"/apis/{version}" if group else f"/api/{version}"
        yield path, {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
        if group:
            served = {"groupVersion": version, "version": number}
            groups.append({"name": group, "versions": [served], "preferredVersion": served})
    yield "/apis", {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


_CLUSTER: Final = dict(_known())
_SECRETS: Final = "/api/v1/namespaces/default/secrets/"

_ALL: Final = frozenset({"api-gateway", "order-service", "product-service", "user-service"})
_REDIS: Final = _ALL | {"redis"}


@contextmanager
def _cluster(secrets: dict[str, str]) -> Iterator[str]:
    """The address of an API server that knows these Secrets, each with one value, and nothing else."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            answer: Json | None = _CLUSTER.get(path)
            if path.removeprefix(_SECRETS) in secrets:
                data = {"KEY": base64.b64encode(secrets[path.removeprefix(_SECRETS)].encode()).decode()}
                answer = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": data}
            body = json.dumps(answer or {"kind": "Status", "code": 404}).encode()
            self.send_response(200 if answer else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _templates(values: Json, secrets: dict[str, str]) -> dict[str, Json]:
    """Those of pods, by the name of what runs them, as they are rendered where there are these Secrets."""
    with _cluster(secrets) as address:
        documents = chart.render({"networkPolicy": {"enabled": False}} | values, cluster=address)
    workloads = chart.of_kind(documents, "Deployment") | chart.of_kind(documents, "StatefulSet")
    return {name: one["spec"]["template"] for name, one in workloads.items()}


@pytest.mark.parametrize(
    ("values", "restarted"),
    [
        pytest.param({"processes": {"existingSecret": "one"}}, _ALL, id="of every process"),
        pytest.param({"gateway": {"existingSecret": "one"}}, {"api-gateway"}, id="of the gateway"),
        pytest.param({"gateway": {"tls": {"existingSecret": "one"}}}, {"api-gateway"}, id="a certificate"),
        pytest.param({"services": {"user-service": {"existingSecret": "one"}}}, {"user-service"}, id="of a service"),
        pytest.param({"redis": {"existingSecret": "one"}}, _REDIS, id="the password of Redis"),
        pytest.param({"redis": {"mode": "sentinel", "existingSecret": "one"}}, _REDIS, id="and of Sentinels"),
        pytest.param({"redis": {"mode": "external", "existingSecret": "one"}}, _ALL, id="where Redis is"),
    ],
)
def test_pods_are_restarted_when_a_secret_changes_that_they_were_started_with(
    values: Json, restarted: frozenset[str]
) -> None:
    """Those, and no others; nothing is when it is another Secret, or when there is none yet."""
    before, same, changed = (
        _templates(values, secrets)
        for secrets in ({"one": "a"}, {"one": "a", "other": "b"}, {"one": "changed", "other": "b"})
    )
    assert before == same
    assert {name for name, template in changed.items() if template != before[name]} == set(restarted)
    assert _templates(values, {}) == _templates(values, {"other": "a"})
