"""The port for operations: what there is, who shares it, and how long it is there."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest

from shared.serving.operations import MAX_CONNECTIONS
from tests.fixtures.certificates import new_pair
from tests.fixtures.processes import ROOT, App, StartApp, free_port, wait_until
from tests.fixtures.workers import workers_of

OPERATIONS: Final = ("/health", "/health/live", "/health/ready", "/metrics", "/api/cache/stats")
DEMO: Final = "tests.kit.edge_demo"
WORKERS: Final = pytest.mark.parametrize("workers", [1, 2])


class Answer:
    """What came back."""

    def __init__(self, port: int, method: str, path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(method, path, headers={"Connection": "close"})
        response = connection.getresponse()
        self.status = response.status
        self.body = response.read()
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        connection.close()

    @property
    def problem(self) -> str:
        """The kind of problem that it is."""
        return str(json.loads(self.body)["type"])


@pytest.fixture
def ops() -> int:
    """A port for operations."""
    return free_port()


def _events(app: App) -> list[dict[str, Any]]:
    return [json.loads(line) for line in app.lines().splitlines()]


def _paths(app: App) -> list[str]:
    document = json.loads(Answer(app.port, "GET", "/openapi.json").body)
    linked = json.loads(Answer(app.port, "GET", "/").body)["links"].values()
    paths = {*document["paths"], *linked, "/", "/docs", "/openapi.json", "/nowhere", "/health/nowhere"}
    return sorted(path.replace("{user_id}", "user123") for path in paths)


@WORKERS
def test_there_are_operations_and_nothing_else(start_app: StartApp, ops: int, workers: int) -> None:
    """Each as on the public port, with HEAD and OPTIONS; all other routes are unknown, whatever the method."""
    app = start_app("bff", OPS_PORT=str(ops), WORKERS=str(workers), ADMIN_TOKEN="what-admins-know", LOG_LEVEL="debug")
    paths = _paths(app)
    assert {*OPERATIONS, "/api/profile/user123", "/api/cache", "/docs"} <= {*paths}
    for path in paths:
        for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"):
            answer = Answer(ops, method, path)
            if path not in OPERATIONS:
                assert answer.status == 404, (method, path)
                assert method == "HEAD" or answer.problem == "urn:problem:unknown-route"
                continue
            public = Answer(app.port, method, path)
            assert answer.status == public.status, (method, path)
            assert answer.headers.get("allow") == public.headers.get("allow")
            assert answer.headers.get("content-type") == public.headers.get("content-type")
            if method == "HEAD":
                assert answer.body == b""
            if method == "OPTIONS":
                assert (answer.status, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
            if method == "POST":
                assert (answer.status, answer.problem) == (405, "urn:problem:method-not-allowed")
    assert app.stop() == 0
    requests = [one for one in _events(app) if one["event"] == "request"]
    marked = [one for one in requests if one.get("listener") == "operations"]
    assert len(marked) == len(paths) * 7
    assert {one["route"] for one in marked} == {*OPERATIONS, "unmatched"}
    assert all("listener" not in one for one in requests if one not in marked)


def test_its_requests_are_counted(start_app: StartApp, ops: int) -> None:
    """Like all others, under the labels of their routes."""
    start_app("bff", OPS_PORT=str(ops))
    for path in ("/health/live", "/health/live", "/api/profile/user123"):
        Answer(ops, "GET", path)
    text = Answer(ops, "GET", "/metrics").body.decode()
    assert 'http_requests_total{endpoint="/health/live",method="GET",status="200"} 2.0' in text
    assert 'http_requests_total{endpoint="unmatched",method="GET",status="404"} 1.0' in text
    assert "http_connections 1.0" in text


def test_it_is_open_and_plain_where_the_public_port_speaks_tls(start_app: StartApp, tmp_path: Path, ops: int) -> None:
    """Who scrapes on the same machine needs no certificate."""
    start_app("bff", OPS_PORT=str(ops), **new_pair(tmp_path).environment)
    assert Answer(ops, "GET", "/health/ready").status == 200


def test_all_workers_share_it(start_app: StartApp, ops: int) -> None:
    """Each answers while the other one cannot, and so does what takes the place of one that was killed."""
    app = start_app(DEMO, OPS_PORT=str(ops), WORKERS="2")
    wait_until(lambda: app.lines().count('"serving"') == 2, "not both serve")
    for stopped in workers_of(app):
        os.kill(stopped, signal.SIGSTOP)
        assert Answer(ops, "GET", "/health/live").status == 200
        os.kill(stopped, signal.SIGCONT)
    before = workers_of(app)
    victim, other = before
    os.kill(victim, signal.SIGKILL)
    for _ in range(20):
        assert Answer(ops, "GET", "/health/live").status == 200
    wait_until(lambda: app.lines().count('"serving"') == 3, "it is not replaced")
    os.kill(other, signal.SIGSTOP)
    assert Answer(ops, "GET", "/health/live").status == 200
    os.kill(other, signal.SIGCONT)
    assert app.stop() == 0


@WORKERS
def test_it_is_there_until_the_last_request_is_answered(
    start_app: StartApp, tmp_path: Path, ops: int, workers: int
) -> None:
    """It says that nothing new is taken while the public port finishes; idle connections keep nothing up."""
    app = start_app(DEMO, OPS_PORT=str(ops), WORKERS=str(workers), SHUTDOWN_GRACE_SECONDS="300")
    file = tmp_path / "go on"
    process = app.process
    assert process is not None
    with ThreadPoolExecutor(1) as pool, socket.create_connection(("127.0.0.1", ops)) as idle:
        idle.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(65_536).startswith(b"HTTP/1.1 200 ")
        waiting = pool.submit(Answer, app.port, "GET", f"/wait?file={quote(str(file))}")
        wait_until(lambda: '"waiting for a file"' in app.lines(), "the request never came")
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: '"stopping"' in app.lines(), "nobody heard the signal")
        wait_until(lambda: not _listens(app.port), "the public port is still there")
        wait_until(lambda: len(workers_of(app)) < workers or workers == 1, "a worker with nothing to do goes on")
        assert Answer(ops, "GET", "/health/ready").status == 503
        assert Answer(ops, "GET", "/health/live").status == 200
        file.touch()
        assert waiting.result().status == 200
        assert process.wait(30) == 0
        assert idle.recv(1) == b""
    assert not _listens(ops)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_neither_port_takes_the_other_ones_connections(start_app: StartApp, tmp_path: Path, ops: int) -> None:
    """With all public connections busy operations are served, and those who hold many of these are bounded."""
    app = start_app(DEMO, OPS_PORT=str(ops), MAX_CONNECTIONS="1")
    file = tmp_path / "go on"
    with ExitStack() as ends, ThreadPoolExecutor(1) as pool:
        held = pool.submit(_persistently, app.port, f"/wait?file={quote(str(file))}")
        wait_until(lambda: '"waiting for a file"' in app.lines(), "the request never came")
        for _ in range(200):
            ends.enter_context(socket.create_connection(("127.0.0.1", ops), 60))
        assert Answer(app.port, "GET", "/who").status == 503
        text = _persistently(ops, "/metrics").body.decode()
        (held_at_once,) = [line.split(" ")[1] for line in text.splitlines() if line.startswith("http_connections ")]
        assert float(held_at_once) <= MAX_CONNECTIONS + 1
        file.touch()
        assert held.result().status == 200
    assert app.stop() == 0


def _persistently(port: int, path: str) -> Answer:
    """The answer of a process that has room for another connection, at last."""
    while (answer := Answer(port, "GET", path)).status == 503:
        threading.Event().wait(0.02)
    return answer


@WORKERS
@pytest.mark.parametrize("host", ["127.0.0.1", "name.invalid"])
def test_a_port_that_cannot_be_had_is_told_plainly(workers: int, host: str) -> None:
    """One sentence, exit status 1, and nothing is served."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", DEMO],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "PORT": str(free_port()),
                "OPS_HOST": host,
                "OPS_PORT": str(port),
                "WORKERS": str(workers),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"demo: cannot listen on {host}:{port}: ")
    assert len(done.stderr.splitlines()) == 1
