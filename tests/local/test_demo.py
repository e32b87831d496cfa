"""The demo as a process, over servers of the test's own, and as a container."""

import ast
import json
import shlex
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from deploy.demo import __main__ as command_line
from deploy.demo.calls import Target
from tests.fixtures.processes import ROOT, free_port, wait_until
from tests.local.script import environment

TAG = 'W/"a-tag"'
TOKEN = "purge-me-0123456789"
ISSUED = "a-token-of-some-issuer"


class Server:
    """Answers everything with 200 and a tag, and counts what it is asked; to be entered."""

    def __init__(self, port: int = 0) -> None:
        self.seen: Counter[str] = Counter()
        seen = self.seen

        class Answering(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("If-None-Match") == TAG:
                    seen["conditional"] += 1
                if self.headers.get("Authorization") == f"Bearer {TOKEN}":
                    seen[f"authorized {self.command}"] += 1
                if self.headers.get("Authorization") == f"Bearer {ISSUED}":
                    seen[f"issued {self.command}"] += 1
                seen[self.command] += 1
                self.send_response(200)
                self.send_header("ETag", TAG)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_HEAD = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - names that the library looks for

            def log_message(self, *_arguments: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Answering)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Demo:
    """The running process and what it has logged."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process = process
        self._log = log

    def events(self) -> list[dict[str, Any]]:
        """Every whole line, each of which is an event."""
        return [json.loads(line) for line in self._log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def has_told(self, event: str, target: str) -> bool:
        """Whether it has told that of ``target``."""
        return any(one["event"] == event and one["target"] == target for one in self.events())


@contextmanager
def _demo(folder: Path, *arguments: str, **more: str) -> Iterator[Demo]:
    log = folder / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.demo", "--rate", "50", *arguments],
            cwd=ROOT,
            env=environment(**more),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    with process:
        try:
            yield Demo(process, log)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_every_kind_arrives_and_the_end_is_quiet(tmp_path: Path, number: signal.Signals) -> None:
    """Entity tags come back, admin routes get the token; asked to end it does, having told where it began."""
    with (
        Server() as gateway,
        Server() as users,
        _demo(tmp_path, "--gateway", gateway.url, "--users", users.url, ADMIN_TOKEN=TOKEN) as demo,
    ):
        for kind in ("GET", "HEAD", "DELETE", "conditional", "authorized DELETE"):
            wait_until(lambda kind=kind: gateway.seen[kind] > 1, f"never seen: {kind}")  # type: ignore[misc]
        wait_until(lambda: users.seen["GET"] > 1, "the service is not asked")
        demo.process.send_signal(number)
        assert demo.process.wait(10) == 0
        assert [kind for kind in list(gateway.seen) if kind.startswith("authorized")] == ["authorized DELETE"]
        (event,) = demo.events()
        assert (event["service"], event["targets"]) == ("demo", ["api-gateway", "user-service"])
        assert TOKEN not in json.dumps(event)


def test_without_a_token_nothing_is_purged(tmp_path: Path) -> None:
    """The route is not there then."""
    with Server() as gateway, _demo(tmp_path, "--gateway", gateway.url) as demo:
        wait_until(lambda: gateway.seen["HEAD"] > 2, "it does not send")
        assert gateway.seen["DELETE"] == 0
        assert demo.process.poll() is None


def test_the_gateway_alone_is_shown_a_token(tmp_path: Path) -> None:
    """One that a program prints, in all requests but those that the admin token opens; it is never logged."""
    command = shlex.join([sys.executable, "-c", f"print({ISSUED!r})"])
    with (
        Server() as gateway,
        Server() as users,
        _demo(
            tmp_path, "--gateway", gateway.url, "--users", users.url, "--token-command", command, ADMIN_TOKEN=TOKEN
        ) as demo,
    ):
        for kind in ("issued GET", "issued HEAD", "authorized DELETE"):
            wait_until(lambda kind=kind: gateway.seen[kind] > 1, f"never seen: {kind}")  # type: ignore[misc]
        wait_until(lambda: users.seen["GET"] > 1, "the service is not asked")
        assert not [kind for kind in list(users.seen) if kind.startswith(("issued", "authorized"))]
        assert gateway.seen["issued DELETE"] == 0
        assert ISSUED not in json.dumps(demo.events())


@pytest.mark.parametrize(
    "command", ["/nowhere/at-all", f"{sys.executable} -c raise(SystemExit(1))", f"{sys.executable} -c 0"]
)
def test_without_a_token_traffic_goes_on(tmp_path: Path, command: str) -> None:
    """Whatever is wrong with the program is told once, and it is tried again."""
    with Server() as gateway, _demo(tmp_path, "--gateway", gateway.url, "--token-command", command) as demo:
        wait_until(lambda: any(one["event"] == "no token" for one in demo.events()), "it does not tell")
        before = gateway.seen["GET"]
        wait_until(lambda: gateway.seen["GET"] > before, "it does not go on")
        assert demo.process.poll() is None
        assert [one["event"] for one in demo.events()].count("no token") == 1


def test_it_waits_for_the_gateway_and_for_its_return(tmp_path: Path) -> None:
    """Nothing ends it, a line tells of each change, and services are asked while the gateway is away."""
    port = free_port()
    with Server() as users, _demo(tmp_path, "--gateway", f"http://127.0.0.1:{port}", "--users", users.url) as demo:
        wait_until(lambda: users.seen["GET"] > 0, "it does not look whether the service is ready")
        assert demo.events() == []
        with Server(port) as gateway:
            wait_until(lambda: gateway.seen["HEAD"] > 0, "it does not begin")
        wait_until(lambda: demo.has_told("target away", "api-gateway"), "it does not tell that the gateway is away")
        before = users.seen["GET"]
        wait_until(lambda: users.seen["GET"] > before + 1, "the service is not asked any more")
        with Server(port) as gateway:
            wait_until(lambda: gateway.seen["HEAD"] > 0, "it does not go on")
            wait_until(lambda: demo.has_told("target back", "api-gateway"), "it does not tell that it is back")
        assert demo.process.poll() is None
    assert [event["event"] for event in demo.events()][:3] == ["traffic started", "target away", "target back"]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--gateway", "localhost:8000"),
        ("--gateway", "http://localhost", "--rate", "nan"),
        ("--gateway", "http://localhost", "--token-command", "an 'open quotation"),
    ],
)
def test_words_that_make_no_sense_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Status 2, before anything is sent."""
    with _demo(tmp_path, *arguments) as demo:
        assert demo.process.wait(20) == 2


def test_the_container_asks_the_containers() -> None:
    """Its command is one that is understood, and names each of them by its name and port."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    python, dash_m, module, *words = services["demo"]["command"]
    assert (python, dash_m, module) == ("python", "-m", "deploy.demo")
    given = vars(command_line._parse(words))
    for target in Target:
        assert given[target] == f"http://{target}:{services[target]['environment']['PORT']}"
    assert services["demo"]["profiles"] == ["demo"]


def test_it_needs_nothing_that_the_image_lacks() -> None:
    """Of our own packages the image holds the apps, what they share, and the demo."""
    for file in (ROOT / "deploy" / "demo").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("deploy"):
                assert node.module.startswith("deploy.demo"), file.name
