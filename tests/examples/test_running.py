"""The examples of the documentation, running: everything knows of the service and of the aggregate."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fixtures import exposition
from tests.fixtures.example_tree import ExampleTree
from tests.fixtures.exposition import Exposition
from tests.fixtures.processes import free_port, wait_until


@contextmanager
def _gateway(tree: ExampleTree, log: Path) -> Iterator[int]:
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
            cwd=tree.folder,
            env=tree.environment(PORT=str(port), ADMIN_TOKEN="open-sesame", REVIEW_SERVICE_URL="http://127.0.0.1:1"),
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


def test_prometheus_finds_the_service(example_tree: ExampleTree) -> None:
    """It stands in the file beside the others, at the address from the environment."""
    shown = json.loads(example_tree.run("deploy.targets", REVIEW_SERVICE_URL="http://reviews.internal:8004").stdout)
    (group,) = [one for one in shown if one["labels"]["service"] == "review_service"]
    assert group["targets"] == ["reviews.internal:8004"]
    assert (group["labels"]["job"], group["labels"]["essential"]) == ("review-service", "false")
    assert len(shown) == 4


def test_it_is_shown_with_the_settings(example_tree: ExampleTree) -> None:
    """With its own variables above, and below where it is and what is made of it."""
    lines = example_tree.run("bff", "--check", REVIEW_SERVICE_URL="http://reviews.internal").stdout.splitlines()
    assert "REVIEW_SERVICE_ATTEMPT_TIMEOUT_SECONDS=0.3" in lines
    assert "  review_service at http://reviews.internal, optional" in lines
    assert "  /api/storefront/{user_id} of user, orders, products, reviews" in lines
    assert "  POST /api/storefront/{user_id}/reviews to review_service" in lines


def test_the_gateway_knows_it_from_the_start(example_tree: ExampleTree, tmp_path: Path) -> None:
    """Every series that there is of another optional service is there of it too; so are its part and its purge."""
    with _gateway(example_tree, tmp_path / "gateway.log") as port:
        metrics = exposition.read(_get(port, "/metrics")[1].decode())
        health = json.loads(_get(port, "/health")[1])
        index = json.loads(_get(port, "/")[1])
        document = json.loads(_get(port, "/openapi.json")[1])
        docs = _get(port, "/docs")[1].decode()
    assert _of(metrics, "review_service") == _of(metrics, "product_service")
    assert metrics.value("upstream_essential", service_name="review_service") == 0
    assert set(metrics.tally("aggregate_parts_total", lambda found: found["part"] == "reviews").values()) == {0}
    assert health["services"]["review_service"] == "unhealthy"
    assert index["links"]["storefront"] == "/api/storefront/{user_id}"
    assert index["commands"]["write_review"] == {"method": "POST", "path": "/api/storefront/{user_id}/reviews"}
    assert metrics.value("commands_total", command="write_review", outcome="done") == 0
    assert "post" in document["paths"]["/api/storefront/{user_id}/reviews"]
    assert index["admin"]["purge_storefront"]["path"] == "/api/cache/storefront/{user_id}"
    assert {"/api/storefront/{user_id}", "/api/cache/storefront/{user_id}"} <= document["paths"].keys()
    assert set(document["components"]["schemas"]["Review"]["required"]) >= {"id", "user_id", "stars"}
    assert '<a href="/openapi.json">' in docs
