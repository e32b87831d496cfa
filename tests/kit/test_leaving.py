"""A process that was told to stop: it says so, takes connections all the same, and ends each with its next answer."""

import http.client
import json
import signal
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from tests.fixtures.certificates import HOST, client_context, new_pair
from tests.fixtures.processes import App, StartApp, free_port, wait_until

PROGRAM: Final = "tests.kit.edge_demo"
LONG: Final = "300"
"""Seconds that no test lives to see the end of."""
WORKERS: Final = pytest.mark.parametrize("workers", ["1", "2"])
FORMS: Final = pytest.mark.parametrize("form", ["alone", "workers", "tls", "tls and workers", "operations"])
ASKED: Final[Mapping[str, tuple[bytes, int]]] = {
    "route": (b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    "kept": (b"GET /who HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", 200),
    "head": (b"HEAD /who HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    "options": (b"OPTIONS /who HTTP/1.1\r\nHost: x\r\n\r\n", 204),
    "live": (b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    "ready": (b"GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n", 503),
    "unknown route": (b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "unknown method": (b"POST /who HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 405),
    "fault": (b"GET /fail?text=x HTTP/1.1\r\nHost: x\r\n\r\n", 500),
    "no head": (b"GET /who\r\n\r\n", 400),
    "two at once": (b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n" * 2, 200),
}


def _connect(port: int, *, tls: bool) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port), 60)
    return client_context().wrap_socket(plain, server_hostname=HOST) if tls else plain


def _last_answer(connection: socket.socket) -> tuple[int, str]:
    """Status and what is said of the connection, in the answer that it ends with."""
    stream = b""
    try:
        while data := connection.recv(65_536):
            stream += data
    except (ConnectionResetError, ssl.SSLEOFError):  # with the rest of what was asked unread
        pass
    head = stream.partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    assert stream.count(b"HTTP/1.1 ") == 1, stream
    return int(head[0].split(" ")[1]), next(line for line in head if line.startswith("connection:"))


def _stopping(app: App, processes: int) -> None:
    """Tell it to stop, and wait until all of it has heard."""
    assert app.process is not None
    wait_until(lambda: app.lines().count('"serving"') == processes, "not all of it serves")
    app.process.send_signal(signal.SIGTERM)
    wait_until(lambda: app.lines().count('"stopping"') == processes, "nobody heard the signal")


@pytest.fixture
def environment(form: str, tmp_path: Path) -> dict[str, str]:
    """Settings of a program that drains for longer than any test takes."""
    return {
        "SHUTDOWN_DRAIN_SECONDS": LONG,
        "WORKERS": "2" if "workers" in form else "1",
        **(new_pair(tmp_path).environment if "tls" in form else {}),
        **({"OPS_PORT": str(free_port())} if form == "operations" else {}),
    }


@FORMS
def test_a_stopping_process_takes_connections_with_nobody_connected(
    start_app: StartApp, environment: dict[str, str], form: str
) -> None:
    """Whatever is asked is answered, says that the connection ends, and ends it; again and again."""
    app, tls = start_app(PROGRAM, **environment), "tls" in form
    try:
        with _connect(app.port, tls=tls) as idle:
            idle.sendall(ASKED["route"][0])
            assert b"\r\nconnection: keep-alive\r\n" in idle.recv(65_536)
            _stopping(app, int(environment["WORKERS"]))
            for _ in range(2):
                for request, status in ASKED.values():
                    with _connect(app.port, tls=tls) as connection:
                        connection.sendall(request)
                        assert _last_answer(connection) == (status, "connection: close")
            idle.sendall(ASKED["route"][0])  # which has lain idle all the time
            assert _last_answer(idle) == (200, "connection: close")
        if ops := environment.get("OPS_PORT"):
            with _connect(int(ops), tls=False) as connection:
                connection.sendall(ASKED["ready"][0])
                assert _last_answer(connection) == (503, "connection: close")
    finally:
        app.kill()


@WORKERS
def test_an_answer_on_its_way_is_the_last_of_its_connection(start_app: StartApp, tmp_path: Path, workers: str) -> None:
    """Though it was asked for before anybody knew of the end."""
    app = start_app(PROGRAM, SHUTDOWN_DRAIN_SECONDS=LONG, WORKERS=workers)
    file = tmp_path / "go on"
    try:
        with _connect(app.port, tls=False) as connection:
            connection.sendall(f"GET /wait?file={quote(str(file))} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            wait_until(lambda: '"waiting for a file"' in app.lines(), "the request never came")
            _stopping(app, int(workers))
            file.touch()
            assert _last_answer(connection) == (200, "connection: close")
    finally:
        app.kill()


@WORKERS
def test_a_further_signal_changes_nothing(start_app: StartApp, workers: str) -> None:
    """Neither to the process nor to those that serve."""
    app = start_app(PROGRAM, SHUTDOWN_DRAIN_SECONDS=LONG, WORKERS=workers)
    try:
        _stopping(app, int(workers))
        assert app.process is not None
        for number in (signal.SIGTERM, signal.SIGINT):
            app.process.send_signal(number)
            assert _asked(app.port) == (200, "connection: close")
    finally:
        app.kill()


@WORKERS
def test_a_drain_ends_by_itself(start_app: StartApp, workers: str) -> None:
    """Then nobody listens, what is still asked has its answer, and the exit status is 0."""
    app = start_app(PROGRAM, SHUTDOWN_DRAIN_SECONDS="0.5", WORKERS=workers)
    process = app.process
    assert process is not None
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(_until_refused, app.port)
        _stopping(app, int(workers))
        assert asking.result(60) > 0
    assert process.wait(30) == 0
    told = [json.loads(line)["event"] for line in app.lines().splitlines()]
    assert told.count("stopped") == int(workers)


def _asked(port: int) -> tuple[int, str]:
    with _connect(port, tls=False) as connection:
        connection.sendall(ASKED["route"][0])
        return _last_answer(connection)


def _until_refused(port: int) -> int:
    """How many answers there are before the first connection that is refused."""
    answers = 0
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/who")
            assert connection.getresponse().status == 200
        except ConnectionRefusedError:
            return answers
        except ConnectionResetError:  # at the very end of listening
            continue
        finally:
            connection.close()
        answers += 1
