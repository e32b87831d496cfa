"""A service and an aggregate more: two files and a line in a list, and everything else knows them."""

import http.client
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures import exposition
from tests.fixtures.exposition import Exposition
from tests.fixtures.processes import ROOT, free_port, wait_until

_SOURCE: Final = '''"""The review service: what somebody thinks of what was bought."""

import msgspec

from bff.parts.single import single
from shared.upstream.service import Service


class Review(msgspec.Struct, frozen=True, gc=False):
    """A review."""

    user_id: str
    text: str


REVIEW_SERVICE = Service("review_service", url="http://127.0.0.1:8004", essential=False, attempt_timeout=0.3)
REVIEWS = single(
    "reviews", REVIEW_SERVICE, list[Review], "/reviews/user/{user_id}", owner="user_id", about=lambda one: one.user_id
)
'''
_AGGREGATE: Final = '''"""Opinions: a user's reviews, and nothing else."""

from bff.aggregates.kind import AggregateKind
from bff.parts.part import Aggregate
from bff.parts.sources import Sources
from bff.sources.reviews import REVIEWS


async def load_opinions(user_id: str, sources: Sources) -> Aggregate:
    """The reviews alone."""
    return Aggregate({"reviews": await sources.take(REVIEWS, user_id)})


OPINIONS = AggregateKind("opinions", "/api/opinions", "user_id", load_opinions, parts=(REVIEWS,))
'''
_NOT_COPIED: Final = (".git", ".env", ".venv*", ".data", ".run", ".*_cache", "__pycache__", "node_modules")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which a fourth service is declared."""
    copy = tmp_path_factory.mktemp("copied") / "checkout"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    (copy / "bff/sources/reviews.py").write_text(_SOURCE)
    (copy / "bff/aggregates/opinions.py").write_text(_AGGREGATE)
    listed = copy / "bff/aggregates/__init__.py"
    text = listed.read_text().replace("(PROFILE,)", "(PROFILE, OPINIONS)")
    listed.write_text(
        text.replace(
            "from bff.aggregates.profile", "from bff.aggregates.opinions import OPINIONS\nfrom bff.aggregates.profile"
        )
    )
    return copy


def _environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **more}


def _run(checkout: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", *words],
        cwd=checkout,
        env=_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@contextmanager
def _gateway(checkout: Path, log: Path) -> Iterator[int]:
    """The gateway of the copy without any service, by its port."""
    port = free_port()

    def is_ready() -> bool:
        try:
            return _get(port, "/health/ready")[0] == 200
        except OSError:
            return False

    with (
        log.open("ab") as output,
        subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "bff"],
            cwd=checkout,
            env=_environment(PORT=str(port), ADMIN_TOKEN="open-sesame", REVIEW_SERVICE_URL="http://127.0.0.1:1"),
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            wait_until(is_ready, "the gateway is not ready:\n{}", log)
            yield port
        finally:
            process.terminate()


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _of(metrics: Exposition, service: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The series that have the service's name, without it."""
    named = ("service_name", service)
    return {(name, labels - {named}): value for (name, labels), value in metrics.values.items() if named in labels}


def test_prometheus_finds_it(checkout: Path) -> None:
    """It stands in the file beside the others, at the address from the environment."""
    shown = json.loads(_run(checkout, "deploy.targets", REVIEW_SERVICE_URL="http://reviews.internal:8004").stdout)
    (group,) = [one for one in shown if one["labels"]["service"] == "review_service"]
    assert group["targets"] == ["reviews.internal:8004"]
    assert (group["labels"]["job"], group["labels"]["essential"]) == ("review-service", "false")
    assert len(shown) == 4


def test_it_is_shown_with_the_settings(checkout: Path) -> None:
    """With its own variables above, and below where it is and what is made of it."""
    lines = _run(checkout, "bff", "--check", REVIEW_SERVICE_URL="http://reviews.internal").stdout.splitlines()
    assert "REVIEW_SERVICE_ATTEMPT_TIMEOUT_SECONDS=0.3" in lines
    assert "  review_service at http://reviews.internal, optional" in lines
    assert "  /api/opinions/{user_id} of reviews" in lines


def test_it_is_measured_from_zero_like_the_others(checkout: Path, tmp_path: Path) -> None:
    """Every series that there is of another optional service is there of it too; so are its part and its purge."""
    with _gateway(checkout, tmp_path / "gateway.log") as port:
        metrics = exposition.read(_get(port, "/metrics")[1].decode())
        health = json.loads(_get(port, "/health")[1])
        index = json.loads(_get(port, "/")[1])
    assert _of(metrics, "review_service") == _of(metrics, "product_service")
    assert metrics.value("upstream_essential", service_name="review_service") == 0
    assert set(metrics.tally("aggregate_parts_total", lambda found: found["part"] == "reviews").values()) == {0}
    assert health["services"]["review_service"] == "unhealthy"
    assert index["links"]["opinions"] == "/api/opinions/{user_id}"
    assert index["admin"]["purge_opinions"]["path"] == "/api/cache/opinions/{user_id}"


def test_what_is_documented_is_still_all_there_is(checkout: Path) -> None:
    """No page, no example and no container needs a line for it."""
    _run(
        checkout,
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--override-ini=addopts=",
        "tests/architecture/test_documentation.py",
        "tests/architecture/test_environment_files.py",
    )
