"""Light traffic of every kind: users, known, ever new and unknown, nobody, bad input, unknown routes, purges, events.

It counts what it is answered, as the gateway should have counted it.
"""

import http.client
import json
import ssl
import threading
from collections import Counter
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from itertools import count
from types import TracebackType
from typing import Final, Self

from tests.fixtures.certificates import HOST

_PAUSE_SECONDS: Final = 0.05
_ANSWER_SECONDS: Final = 30
_KNOWN: Final = "/api/profile/user123"
_NEW: Final = "/api/profile/user{}"
_ANONYMOUS: Final = "anonymous"
_ROUNDS: Final[tuple[tuple[str, ...], ...]] = (
    (f"GET {_KNOWN}",),
    (f"GET {_NEW}",),
    ("GET /api/profile/nobody{}",),
    ("GET /api/profile/!",),
    ("GET /nowhere/{}",),
    (f"GET {_KNOWN}",),
    (f"GET {_KNOWN} {_ANONYMOUS}",),
    (f"GET {_NEW}", f"GET {_NEW}"),
    (f"GET {_KNOWN}",),
    ("DELETE /api/cache/profile/user{}",),
    ("POST /api/events",),
)
"""What is sent at once, round by round; braces are a number that is another one in each round.

What is anonymous shows no token.
"""


_ENDPOINTS: Final = {
    "/api/profile/": "/api/profile/<user_id>",
    "/api/cache/profile/": "/api/cache/profile/<user_id>",
    "/api/events": "/api/events",
    "/nowhere/": "unmatched",
}
"""The label of an endpoint by how its paths begin."""


_EVENT: Final = {"Content-Type": "application/cloudevents+json"}


def _event(number: int) -> bytes:
    """The news of something that nobody has bought."""
    now = datetime.now(UTC).isoformat()
    of_now = {"id": str(number), "source": "/traffic", "time": now, "subject": f"unsold{number}"}
    return json.dumps({"specversion": "1.0", "type": "com.example.product.changed.v1", **of_now}).encode()


class LightTraffic:
    """About 20 requests a second to the gateway at ``port`` while the context is open, or until it is stopped.

    Attributes:
        answered: answers by method, endpoint and status.
    """

    def __init__(self, port: int, token: str, *, purges: bool = True, context: ssl.SSLContext | None = None) -> None:
        """``token`` is shown with each request; over TLS where there is a ``context``.

        Without ``purges`` it sends no events either.
        """
        self._port = port
        self._context = context
        self._rounds = [each for each in _ROUNDS if purges or each[0].startswith("GET")]
        self._headers = {"Authorization": f"Bearer {token}"}
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.answered: Counter[tuple[str, str, str]] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Wait for the answers that are under way, and send no more; a second call does nothing."""
        self._enough.set()
        self._thread.join()

    def _connection(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_SECONDS)
        return http.client.HTTPSConnection(HOST, self._port, timeout=_ANSWER_SECONDS, context=self._context)

    def _send(self) -> None:
        for number in count(1):
            with ExitStack() as stack:
                waiting: list[tuple[str, str, http.client.HTTPConnection]] = []
                for request in self._rounds[number % len(self._rounds)]:
                    method, path, *anonymous = request.format(number % 1000 + 1).split(" ")
                    connection = stack.enter_context(closing(self._connection()))
                    headers = {} if anonymous else self._headers
                    if method == "POST":
                        connection.request(method, path, _event(number), headers | _EVENT)
                    else:
                        connection.request(method, path, headers=headers)
                    endpoint = next(label for begin, label in _ENDPOINTS.items() if path.startswith(begin))
                    waiting.append((method, endpoint, connection))
                for method, endpoint, connection in waiting:
                    answer = connection.getresponse()
                    answer.read()
                    self.answered[method, endpoint, str(answer.status)] += 1
            if self._enough.wait(_PAUSE_SECONDS):
                return
