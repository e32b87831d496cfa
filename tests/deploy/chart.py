"""Renders the chart, and finds things in what came."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.monitoring.definitions import ROOT

CHART: Final = ROOT / "deploy" / "helm" / "profile-gateway"
VALUES_FILES: Final = sorted(CHART.glob("values-*.yaml"))
EVERYTHING: Final[Mapping[str, Any]] = {
    "ingress": {"enabled": True},
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]},
    "monitoring": {part: {"enabled": True} for part in ("serviceMonitor", "rules", "dashboards")},
}
"""Whatever is off by default and needs nothing else."""
KUBERNETES: Final = "1.34.0"

Json = dict[str, Any]


def run_helm(*arguments: str | Path, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """What helm says; its files are kept apart from those of whoever runs the tests."""
    helm = shutil.which("helm")
    if helm is None:
        pytest.fail("helm is not on PATH: requirements/kubernetes.sh installs it; or deselect: -m 'not helm'")
    return subprocess.run(
        [helm, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )


def refused(values: Mapping[str, Any]) -> str:
    """What helm has against these values; "" where it takes them."""
    done = _template((), json.dumps(values), "bff")
    return done.stderr if done.returncode else ""


def render(
    values: Mapping[str, Any] | None = None, *files: Path, release: str = "bff", cluster: str = ""
) -> list[Json]:
    """The objects that the chart makes of ``values``, over ``files`` of values; helm may look into the ``cluster``."""
    if cluster:
        return _objects(_template(files, json.dumps(values or {}), release, cluster))
    return _rendered(tuple(files), json.dumps(values or {}), release)


@cache
def _rendered(files: tuple[Path, ...], values: str, release: str) -> list[Json]:
    """Many tests ask for the same; they read it and change nothing."""
    return _objects(_template(files, values, release))


def _objects(done: "subprocess.CompletedProcess[str]") -> list[Json]:
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one]


def _template(
    files: Iterable[Path], values: str, release: str, cluster: str = ""
) -> "subprocess.CompletedProcess[str]":
    named = [word for file in files for word in ("--values", file)]
    seeing = "--dry-run=server", "--disable-openapi-validation", "--kube-apiserver", cluster
    where = seeing if cluster else ()
    return run_helm(
        "template", release, CHART, "--kube-version", KUBERNETES, *where, *named, "--values", "-", stdin=values
    )


def of_kind(documents: Iterable[Json], kind: str) -> dict[str, Json]:
    """Those objects, by what stands behind the name of the release."""
    return {
        one["metadata"]["name"].removeprefix("bff-profile-gateway-"): one for one in documents if one["kind"] == kind
    }


def container(workload: Json, name: str = "") -> Json:
    """A container of a Deployment or a StatefulSet: the one of this name, or the first."""
    containers: list[Json] = workload["spec"]["template"]["spec"]["containers"]
    return next(one for one in containers if name in {"", one["name"]})


def environment(workload: Json) -> dict[str, str | None]:
    """The variables of the first container; None where the value comes from a Secret."""
    return {one["name"]: one.get("value") for one in container(workload)["env"]}
