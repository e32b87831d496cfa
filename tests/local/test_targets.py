"""The services as Prometheus finds them."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from bff.aggregates.kind import AggregateKind
from bff.catalogue import catalogue
from bff.parts.part import Aggregate
from bff.parts.sources import Sources
from bff.settings import DECLARED
from bff.sources.users import USER, USER_SERVICE
from deploy import targets
from shared.errors import DeclarationError
from shared.upstream.service import Service
from tests.fixtures.processes import ROOT


def _program(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy.targets", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


async def _load(_user_id: str, _sources: Sources) -> Aggregate:
    raise NotImplementedError


def _groups(url: str, service: Service = USER_SERVICE) -> list[targets.Group]:
    kind = AggregateKind("someone", "/api/someone", "user_id", _load, parts=(replace(USER, service=service),))
    declared = catalogue([kind])
    return targets.groups(targets.addresses({f"{service.name.upper()}_URL": url}, declared), declared)


@pytest.mark.parametrize(
    ("url", "target", "scheme", "path"),
    [
        ("http://10.0.0.1:8001", "10.0.0.1:8001", "http", "/metrics"),
        ("http://users", "users:80", "http", "/metrics"),
        ("https://users.internal/", "users.internal:443", "https", "/metrics"),
        ("https://all.internal:8443/users", "all.internal:8443", "https", "/users/metrics"),
        ("http://[::1]:8001", "[::1]:8001", "http", "/metrics"),
        ("http://[::1]", "[::1]:80", "http", "/metrics"),
    ],
)
def test_a_service_is_scraped_where_the_gateway_calls_it(url: str, target: str, scheme: str, path: str) -> None:
    """Scheme, port and the path before all others are those of its address."""
    (group,) = _groups(url)
    assert group["targets"] == [target]
    assert (group["labels"]["__scheme__"], group["labels"]["__metrics_path__"]) == (scheme, path)


def test_each_place_of_a_service_is_scraped() -> None:
    """Those of one scheme and path are a group; ports that stand in SRV records alone are not known here."""
    first, second = _groups("http://a:1,dns+http://b:2,https://c/v2,http://[::1],srv+http://_http._tcp.d")
    assert (first["targets"], first["labels"]["__metrics_path__"]) == (["a:1", "b:2", "[::1]:80"], "/metrics")
    assert (second["targets"], second["labels"]["__metrics_path__"]) == (["c:443"], "/v2/metrics")
    assert (first["labels"]["__scheme__"], second["labels"]["__scheme__"]) == ("http", "https")
    assert _groups("srv+http://_http._tcp.d") == []


@pytest.mark.parametrize("essential", [True, False])
def test_labels_tell_which_service_it_is_and_how_much_it_is_missed(essential: bool) -> None:
    """The job is its name as processes have it, as before."""
    (group,) = _groups("http://a", Service("stock_level", url="http://b", essential=essential))
    assert group["labels"]["job"] == "stock-level"
    assert group["labels"]["service"] == "stock_level"
    assert group["labels"]["essential"] == ("true" if essential else "false")


def test_a_service_may_have_its_metrics_elsewhere_or_none() -> None:
    """What is not there would be down for ever."""
    (elsewhere,) = _groups("http://a/base", replace(USER_SERVICE, metrics_path="/internal/prometheus"))
    assert elsewhere["labels"]["__metrics_path__"] == "/base/internal/prometheus"
    assert _groups("http://a", replace(USER_SERVICE, metrics_path="")) == []
    with pytest.raises(DeclarationError, match="metrics_path 'metrics' is not a path"):
        replace(USER_SERVICE, metrics_path="metrics")


def test_the_file_is_replaced_and_anybody_may_read_it(tmp_path: Path) -> None:
    """Prometheus runs as another user, and never sees half of it."""
    file = tmp_path / "services.json"
    file.write_text("[]")
    done = _program(tmp_path, "--output", str(file), USER_SERVICE_URL="http://mine:1234")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert file.stat().st_mode & 0o444 == 0o444
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    found = {group["labels"]["service"]: group["targets"] for group in json.loads(file.read_text())}
    assert found.keys() == DECLARED.services.keys()
    assert found["user_service"] == ["mine:1234"]


@pytest.mark.parametrize("place", ["nowhere/services.json", "folder"])
def test_what_cannot_be_written_is_told(tmp_path: Path, place: str) -> None:
    """In a sentence, and nothing is left behind."""
    (tmp_path / "folder").mkdir()
    done = _program(tmp_path, "--output", place)
    assert done.returncode == 1
    assert re.fullmatch(rf"{place}: cannot be written \(.+\)\n", done.stderr)
    assert [*tmp_path.iterdir()] == [tmp_path / "folder"]


def test_without_a_file_it_is_shown(tmp_path: Path) -> None:
    """A ``.env`` file is read as everywhere."""
    (tmp_path / ".env").write_text("USER_SERVICE_URL=http://kept:1\n")
    done = _program(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert ["kept:1"] in [group["targets"] for group in json.loads(done.stdout)]


def test_the_container_has_what_it_runs() -> None:
    """The image is made of files that are named one by one."""
    named = "deploy/targets.py"
    assert f" {named} " in (ROOT / "Dockerfile").read_text()
    assert f"!{named}" in (ROOT / ".dockerignore").read_text().splitlines()
    container = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["targets"]
    assert container["command"][:3] == ["python", "-m", "deploy.targets"]


def test_a_wrong_address_is_told(tmp_path: Path) -> None:
    """With the words of the gateway and its exit status; nothing is written. What it does not need is not looked at."""
    done = _program(tmp_path, "--output", "services.json", USER_SERVICE_URL="nowhere", USER_SERVICE_CA_FILE="/away")
    assert done.returncode == 2
    assert done.stderr.startswith("USER_SERVICE_URL='nowhere': expected ")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
