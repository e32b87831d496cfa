"""Asks a component whether it is well."""

import http.client
import socket
from urllib.parse import urlsplit

REDIS_PORT = 6379


def ask(url: str, *, timeout: float = 2.0) -> str | None:
    """Return None when the component behind a probe's address is well, else what is the matter.

    Args:
        url: http:// for one that must answer 200; redis:// for one that must answer PING; empty for one that answers
            nobody, and is well while it runs.
        timeout: Seconds.
    """
    if not url:
        return None
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or REDIS_PORT
    try:
        if parts.scheme == "redis":
            return _ping(host, port, timeout)
        status, _ = get(url, timeout=timeout)
    except TimeoutError:
        return f"no answer within {timeout:g} s"
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    return None if status == http.HTTPStatus.OK else f"answers {status}"


def get(url: str, *, timeout: float = 5.0, token: str = "") -> tuple[int, bytes]:
    """Fetch an http:// address, past any proxy, and return status and body.

    Args:
        url: What to fetch.
        timeout: Seconds.
        token: A bearer token to show, or empty.

    Raises:
        OSError: It cannot be reached in time.
        http.client.HTTPException: It does not speak HTTP.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=timeout)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request("GET", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _ping(host: str, port: int, timeout: float) -> str | None:
    with socket.create_connection((host, port), timeout=timeout) as connection:
        connection.sendall(b"PING\r\n")
        answer = connection.recv(64)
    return None if answer.startswith(b"+PONG") else f"answers {answer!r}"
