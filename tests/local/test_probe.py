"""Asking whether a component is well."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local import probe


@contextmanager
def _server(answer: bytes | None) -> Iterator[int]:
    """A server that reads once and answers that, or nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                if answer is None:
                    done.wait(10)
                else:
                    connection.sendall(answer)

        done = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        done.set()
        thread.join()


def test_a_200_is_well() -> None:
    """Nothing is the matter then."""
    with _server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as port:
        assert probe.ask(f"http://127.0.0.1:{port}/health/ready") is None


def test_any_other_status_is_told() -> None:
    """A person sees what the component said."""
    with _server(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n") as port:
        assert probe.ask(f"http://127.0.0.1:{port}/") == "answers 503"


def test_what_speaks_no_http_is_not_well() -> None:
    """Another kind of server on the port is told as such."""
    with _server(b"SSH-2.0-OpenSSH_9.2\r\n") as port:
        assert probe.ask(f"http://127.0.0.1:{port}/") is not None


def test_silence_is_not_waited_for() -> None:
    """A component that hangs is told so in time."""
    with _server(None) as port:
        assert probe.ask(f"http://127.0.0.1:{port}/", timeout=0.05) == "no answer within 0.05 s"


def test_one_that_answers_nobody_is_well_while_it_runs() -> None:
    """There is no address at which it could be asked."""
    assert probe.ask("") is None


def test_nobody_there_is_told() -> None:
    """The system's own words are shown."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "refused" in (probe.ask(f"http://127.0.0.1:{port}/") or "")


def test_redis_is_pinged() -> None:
    """PONG is well, anything else is not."""
    with _server(b"+PONG\r\n") as port:
        assert probe.ask(f"redis://127.0.0.1:{port}") is None
    with _server(b"-NOAUTH Authentication required.\r\n") as port:
        assert "NOAUTH" in (probe.ask(f"redis://127.0.0.1:{port}") or "")
