"""What the chart makes of each file of values is sound: by helm's lint, by strict schemas, and by kube-score."""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.deploy import chart
from tests.deploy.chart import CHART, EVERYTHING, KUBERNETES, VALUES_FILES, Json

pytestmark = pytest.mark.helm

_SCHEMAS = Path(__file__).parent / "schemas"
_KINDS: dict[str, tuple[Path, ...]] = {"defaults": (), **{file.stem: (file,) for file in VALUES_FILES}}
_all = pytest.mark.parametrize("files", _KINDS.values(), ids=list(_KINDS))


@cache
def _custom(kind: str) -> Draft202012Validator:
    """Of what others bring to a cluster, as they define it: Prometheus' operator and Gateway API."""
    return Draft202012Validator(json.loads((_SCHEMAS / f"{kind.lower()}.json").read_text()))


def _check(document: Json) -> None:
    if document["apiVersion"].partition("/")[0] in {"monitoring.coreos.com", "gateway.networking.k8s.io"}:
        _custom(document["kind"]).validate(document)
    else:
        kubernetes_validate.validate(document, KUBERNETES.rpartition(".")[0], strict=True)


def test_there_are_examples_for_each_way_to_run_it() -> None:
    """On one machine, with one Redis, with Sentinels, with a cluster."""
    assert {file.stem for file in VALUES_FILES} == {
        f"values-{name}" for name in ("cluster", "local", "redis", "sentinel")
    }


@_all
def test_helm_finds_nothing_wrong(files: tuple[Path, ...]) -> None:
    """Warnings count."""
    named = [word for file in files for word in ("--values", file)]
    done = chart.run_helm("lint", "--strict", CHART, "--kube-version", KUBERNETES, *named)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


@_all
@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["as they are", "with everything"])
def test_every_object_is_as_its_schema_says(files: tuple[Path, ...], values: Json) -> None:
    """No field is unknown, none is missing, and no two objects have one name."""
    documents = chart.render(values, *files)
    for document in documents:
        _check(document)
    names = [(one["kind"], one["metadata"]["name"]) for one in documents]
    assert len(set(names)) == len(names)
    assert all(one["metadata"]["labels"]["app.kubernetes.io/instance"] == "bff" for one in documents)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("Deployment", {"spec": {"replica": 3}}),
        ("ServiceMonitor", {"spec": {"endpoint": []}}),
        ("PrometheusRule", {"spec": {"groups": [{"rules": []}]}}),
        ("HTTPRoute", {"spec": {"parentRef": []}}),
    ],
)
def test_the_schemas_notice_what_is_wrong(kind: str, wrong: Json) -> None:
    """A field that is misspelt, or one that is missing."""
    document = next(one for one in chart.render(EVERYTHING) if one["kind"] == kind)
    _check(document)
    with pytest.raises(Exception, match=r"(?i)additional properties|required"):
        _check({**document, **wrong})


@pytest.mark.kube_score
@_all
def test_kube_score_finds_nothing_critical(files: tuple[Path, ...]) -> None:
    """But for two matters in which it is not followed, each for a reason."""
    kube_score = shutil.which("kube-score")
    if kube_score is None:
        pytest.fail("kube-score is not on PATH: requirements/kubernetes.sh installs it")
    done = subprocess.run(
        [
            kube_score,
            "score",
            "--output-format=ci",
            "--ignore-container-cpu-limit",  # throttling stops the event loop, and with it everybody who waits
            "--ignore-test=container-image-pull-policy",  # what is run has a version, and never another content
            "-",
        ],
        input=yaml.dump_all(chart.render(EVERYTHING, *files), Dumper=yaml.CSafeDumper),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "[OK]" in done.stdout, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("[CRITICAL]")] == []
