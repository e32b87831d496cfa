"""Light traffic of every kind: known and ever new users, unknown ones, bad input, unknown routes, pairs, purges."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count

_PAUSE_SECONDS = 0.05
_KNOWN = "/api/profile/user123"
_NEW = "/api/profile/user{}"
_ROUNDS: tuple[tuple[str, ...], ...] = (
    (f"GET {_KNOWN}",),
    (f"GET {_NEW}",),
    ("GET /api/profile/nobody{}",),
    ("GET /api/profile/!",),
    ("GET /nowhere/{}",),
    (f"GET {_KNOWN}",),
    (f"GET {_NEW}", f"GET {_NEW}"),
    (f"GET {_KNOWN}",),
    ("DELETE /api/cache/profile/user{}",),
)
"""What is sent at once, round by round; braces are a number that is another one in each round."""


@contextmanager
def light_traffic(port: int, admin_token: str) -> Iterator[None]:
    """About 20 requests a second to the gateway at ``port`` while the context is open."""
    enough = threading.Event()
    thread = threading.Thread(target=_send, args=(port, admin_token, enough))
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def _send(port: int, admin_token: str, enough: threading.Event) -> None:
    headers = {"Authorization": f"Bearer {admin_token}"}
    for number in count(1):
        with ExitStack() as stack:
            waiting: list[http.client.HTTPConnection] = []
            for request in _ROUNDS[number % len(_ROUNDS)]:
                method, path = request.format(number % 1000 + 1).split(" ")
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                stack.enter_context(closing(connection))
                connection.request(method, path, headers=headers)
                waiting.append(connection)
            for connection in waiting:
                connection.getresponse().read()
        if enough.wait(_PAUSE_SECONDS):
            return
