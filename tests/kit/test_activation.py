"""The sockets that systemd hands over: taken as sd_listen_fds(3) says, and left to the next process as they are."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fixtures.processes import ROOT, free_port, wait_until

_DEMO = "tests.kit.demo"
_EDGE_DEMO = "tests.kit.edge_demo"
_LAUNCH = """
import os, sys
number = int(sys.argv[1])
for place in range(number):
    os.dup2(int(sys.argv[2 + place]), 50 + place)
for place in range(number):
    os.dup2(50 + place, 3 + place)
    os.close(50 + place)
os.environ["LISTEN_PID"] = os.environ.get("SOMEBODY", str(os.getpid()))
os.environ["LISTEN_FDS"] = str(number)
os.execv(sys.executable, [sys.executable, "-W", "error", "-m", sys.argv[2 + number]])
"""


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that this process holds, as systemd does."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@contextmanager
def _started(*handed: int, module: str = _DEMO, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, str(len(handed)), *map(str, handed), module],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": str(free_port()), **environment},
        pass_fds=handed,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _asked(path: str, listening: socket.socket) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", listening.getsockname()[1], timeout=60)
    connection.request("GET", path)
    return connection


def _status(connection: http.client.HTTPConnection) -> int:
    with connection.getresponse() as answer:
        answer.read()
    connection.close()
    return answer.status


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nobody_is_refused_between_two_processes(listening: socket.socket, tmp_path: Path, workers: str) -> None:
    """Who connects before one runs, or after it has ended, is answered by the next."""
    for _ in range(2):
        waiting = [_asked("/health/live", listening) for _ in range(20)]
        with _started(listening.fileno(), WORKERS=workers, TMPDIR=str(tmp_path)) as process:
            assert [_status(one) for one in waiting] == [200] * 20
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, ""), out


def test_it_listens_nowhere_else(listening: socket.socket) -> None:
    """PORT is of no account then."""
    port = free_port()
    with _started(listening.fileno(), PORT=str(port)):
        assert _status(_asked("/health/live", listening)) == 200
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_a_socket_may_be_for_operations(listening: socket.socket) -> None:
    """By its name; what is not for operations is not there."""
    with (
        socket.create_server(("127.0.0.1", 0)) as operations,
        _started(listening.fileno(), operations.fileno(), module=_EDGE_DEMO, LISTEN_FDNAMES="anything:operations"),
    ):
        assert _status(_asked("/health/live", operations)) == 200
        assert _status(_asked("/openapi.json", listening)) == 200
        assert _status(_asked("/openapi.json", operations)) == 404


def test_what_is_meant_for_another_process_is_left_alone(listening: socket.socket) -> None:
    """One that was started by the process that systemd had started."""
    port = free_port()
    with _started(listening.fileno(), PORT=str(port), SOMEBODY="1"):
        wait_until(lambda: _connects(port), "it never listened")


def _connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


@contextmanager
def _unusable(kind: str, listening: socket.socket) -> Iterator[list[int]]:
    """Descriptors that are none of a stream socket that listens, or one too many."""
    reader, writer = os.pipe()
    with socket.socket() as bound, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        bound.bind(("127.0.0.1", 0))
        with socket.create_connection(listening.getsockname()) as connected:
            yield {
                "bound": [bound.fileno()],
                "connected": [connected.fileno()],
                "datagrams": [datagrams.fileno()],
                "pipe": [reader],
                "two": [listening.fileno(), listening.fileno()],
            }[kind]
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("kind", ["bound", "connected", "datagrams", "pipe", "two"])
def test_what_cannot_be_used_is_told_plainly(kind: str, listening: socket.socket) -> None:
    """One sentence, exit status 1, no traceback."""
    with _unusable(kind, listening) as handed, _started(*handed) as process:
        _, err = process.communicate(timeout=60)
    told = "two sockets were handed over as the public one"
    if kind != "two":
        told = "descriptor 3 was handed over, and is no stream socket that listens"
    assert (process.returncode, err) == (1, f"demo: cannot listen: {told}\n")
