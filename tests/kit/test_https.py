"""TLS towards clients, by processes of their own: whole answers, early ones, ends, and handshakes that never end."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.fixtures.certificates import HOST, client_context, new_pair
from tests.fixtures.exposition import read, series
from tests.fixtures.processes import App, StartApp, wait_until

PROGRAM = "tests.kit.edge_demo"
BIG = 3_000_000


@pytest.fixture(scope="module")
def shared(start_app_session: StartApp, tmp_path_factory: pytest.TempPathFactory) -> App:
    """The program behind TLS, for tests that leave it as it is."""
    return start_app_session(PROGRAM, **new_pair(tmp_path_factory.mktemp("tls")).environment)


@pytest.fixture
def app(start_app: StartApp, tmp_path: Path) -> App:
    """The program behind TLS; nothing that is not in flight is waited for when it stops."""
    return start_app(PROGRAM, SHUTDOWN_GRACE_SECONDS="300", **new_pair(tmp_path).environment)


@contextmanager
def connected(app: App, *, receive: int | None = None) -> Iterator[ssl.SSLSocket]:
    """A connection after its handshake; with room for few bytes where ``receive`` says so."""
    with socket.socket() as plain:
        if receive is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        plain.settimeout(60)
        plain.connect(("127.0.0.1", app.port))
        with client_context().wrap_socket(plain, server_hostname=HOST) as wire:
            yield wire


def ask(wire: ssl.SSLSocket, path: str, *fields: str) -> None:
    """Send a request."""
    wire.sendall("\r\n".join([f"GET {path} HTTP/1.1", "Host: x", *fields, "\r\n"]).encode())


def read_answer(wire: ssl.SSLSocket) -> tuple[int, bytes]:
    """Status and body of one answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _piece(wire)
    head, _, body = received.partition(b"\r\n\r\n")
    (length,) = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    while len(body) < length:
        body += _piece(wire)
    assert len(body) == length
    return int(head.split(b" ")[1]), body


def _piece(wire: ssl.SSLSocket) -> bytes:
    data = wire.recv(65_536)
    assert data, "the answer is not whole"
    return data


def events(app: App) -> list[dict[str, Any]]:
    """The log, each line read."""
    return [json.loads(line) for line in app.lines().splitlines()]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_metrics_tell_when_the_certificate_ends(start_app: StartApp, tmp_path: Path, workers: str) -> None:
    """Whichever worker is asked."""
    pair = new_pair(tmp_path)
    with connected(start_app(PROGRAM, WORKERS=workers, **pair.environment)) as wire:
        ask(wire, "/metrics")
        status, body = read_answer(wire)
    assert status == 200
    assert read(body.decode()).tally("tls_certificate_expires_timestamp_seconds") == {
        series("tls_certificate_expires_timestamp_seconds", certificate="TLS_CERT_FILE"): pair.ends
    }


@pytest.mark.parametrize("fields", [(), ("Connection: close",)])
@pytest.mark.parametrize("receive", [None, 4_096])
@pytest.mark.parametrize("count", [0, 1, 16_384, 70_000, 300_000, BIG])
def test_answers_come_whole(shared: App, count: int, receive: int | None, fields: tuple[str, ...]) -> None:
    """Also where the connection ends with them, and however slowly they are read."""
    with connected(shared, receive=receive) as wire:
        ask(wire, f"/bytes?count={count}", *fields)
        status, body = read_answer(wire)
        assert (status, body) == (200, bytes(count))
        if fields:
            assert wire.recv(1) == b""
            assert wire.unwrap() is not None, "an end that was cut off could be anybody's doing"


def test_what_is_refused_is_told(shared: App) -> None:
    """A doubtful head is answered as it is without TLS, and ends the connection."""
    with connected(shared) as wire:
        ask(wire, "/who", "Content-Length : 1")
        assert read_answer(wire)[0] == 400
        assert wire.recv(1) == b""


def test_a_busy_process_says_so(start_app: StartApp, tmp_path: Path) -> None:
    """A connection too many is told in words that a client understands."""
    app = start_app(PROGRAM, MAX_CONNECTIONS="1", **new_pair(tmp_path).environment)
    file = tmp_path / "go on"
    with ExitStack() as ends:
        held = ends.enter_context(connected(app))
        ask(held, "/who")
        while read_answer(held)[0] == 503:  # the connection that asked whether it is ready is being closed
            held = ends.enter_context(connected(app))
            ask(held, "/who")
        ask(held, f"/wait?file={quote(str(file))}")
        wait_until(lambda: '"waiting for a file"' in app.lines(), "the request never came")
        with connected(app) as refused:
            assert read_answer(refused)[0] == 503
            assert refused.recv(1) == b""
        file.touch()
        assert read_answer(held)[0] == 200


@pytest.mark.parametrize("farewell", ["close", "alert", "reset", "none"])
def test_clients_may_leave_as_they_like(app: App, farewell: str) -> None:
    """With or without a word; nothing of it is worth a line, and no connection stays."""
    with connected(app) as wire:
        ask(wire, "/who")
        assert read_answer(wire)[0] == 200
        if farewell == "alert":
            wire.unwrap()
        elif farewell == "reset":
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif farewell == "none":
            wire.shutdown(socket.SHUT_WR)
            assert wire.recv(1) == b""
    with connected(app) as wire:
        wait_until(lambda: _connections(wire) == 1, "it is still held")
    assert app.stop() == 0
    assert {event["level"] for event in events(app)} == {"info"}


def _connections(wire: ssl.SSLSocket) -> float:
    ask(wire, "/metrics")
    lines = read_answer(wire)[1].decode().splitlines()
    (value,) = [line.split(" ")[1] for line in lines if line.startswith("http_connections ")]
    return float(value)


@pytest.mark.parametrize("sent", [b"\x16\x03\x01", b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff" * 1_000])
def test_what_is_no_handshake_holds_nothing(app: App, sent: bytes) -> None:
    """Who says something else is let go at once, who says no more when the time for it is over; neither is served."""
    with socket.create_connection(("127.0.0.1", app.port), 30) as wire:  # by default it would be held for a minute
        wire.sendall(sent)
        received = b""
        try:
            while data := wire.recv(65_536):
                received += data
        except ConnectionResetError:
            pass
        assert not received.startswith(b"HTTP")
    with connected(app) as other:
        ask(other, "/who")
        assert read_answer(other)[0] == 200
    assert app.stop() == 0
    assert {event["level"] for event in events(app)} == {"info"}


def test_connections_that_lie_idle_keep_nobody_from_stopping(app: App) -> None:
    """A client need not read that it is said goodbye to; a request in flight has its time."""
    with connected(app) as idle, connected(app) as other:
        for wire in (idle, other):
            ask(wire, "/who")
            assert read_answer(wire)[0] == 200
        assert app.stop() == 0
