"""Light traffic of every kind: known and ever new users, unknown ones, bad input, unknown routes."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

_PAUSE_SECONDS = 0.05
_PATHS = ("/api/profile/user123", "/api/profile/user{}", "/api/profile/nobody{}", "/api/profile/!", "/nowhere/{}")


@contextmanager
def light_traffic(port: int) -> Iterator[None]:
    """About 20 requests a second to the gateway at ``port`` while the context is open."""
    enough = threading.Event()
    thread = threading.Thread(target=_send, args=(port, enough))
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def _send(port: int, enough: threading.Event) -> None:
    for number in count(1):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", _PATHS[number % len(_PATHS)].format(number % 1000 + 1))
            connection.getresponse().read()
        finally:
            connection.close()
        if enough.wait(_PAUSE_SECONDS):
            return
