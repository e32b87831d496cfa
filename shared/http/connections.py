"""A bound on client connections per worker, and what happens to one that is too many.

Connections on which nothing happens make room for new ones, as nginx's do. Where all are busy, the new one is told so
and ended.
"""

import asyncio
import time
from collections.abc import Collection
from contextvars import Context
from itertools import islice
from typing import Final, Protocol

from shared.deadline import Clock
from shared.errors import Shed
from shared.http import problems
from shared.http.response_head import Body, closing, opening
from shared.observing import metrics
from shared.observing.tracing import begin_trace, current_trace
from shared.timestamps import http_date

LINGER_SECONDS: Final = 1.0
"""How long a refused connection stays open, unread: a reset could keep its client from reading why (RFC 9112 §9.6)."""
_MAX_LINGERING: Final = 1_000
_RETRY_AFTER_SECONDS: Final = 1
_IDLE_SECONDS: Final = 1.0
_MAX_SCANNED: Final = 64


class Client(Protocol):
    """A connection, as far as it matters here."""

    @property
    def idle_since(self) -> float | None:
        """Since when (monotonic clock) it has waited for a request; None while there is something to do."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class Connections:
    """The bound on the connections of one app."""

    def __init__(self, capacity: int, clock: Clock = time.monotonic) -> None:
        self._capacity = capacity
        self._clock = clock
        self._lingering: dict[asyncio.Transport, asyncio.TimerHandle] = {}

    def has_room(self, held: Collection[Client]) -> bool:
        """Whether there is room for another one beside those ``held``; an idle one may be ended for it."""
        if len(held) < self._capacity:
            return True
        since = self._clock() - _IDLE_SECONDS
        idle = [(at, one) for one in islice(held, _MAX_SCANNED) if (at := one.idle_since) is not None and at < since]
        if not idle:
            return False
        min(idle, key=lambda pair: pair[0])[1].close()
        metrics.connections_ended.inc()
        return True

    def refuse(self, transport: asyncio.Transport) -> None:
        """Answer a client with 503, and end its connection."""
        metrics.connections_refused.inc()
        transport.write(Context().run(_refusal))
        if len(self._lingering) >= _MAX_LINGERING:
            transport.close()
            return
        shut_down_writing(transport)
        end = asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.abort)
        self._lingering[transport] = end

    def closed(self, transport: asyncio.Transport) -> None:
        """A client that was refused has gone."""
        end = self._lingering.pop(transport, None)
        if end is not None:
            end.cancel()


def shut_down_writing(transport: asyncio.WriteTransport) -> None:
    """Shut down the sending side, which TLS here cannot; the client may go on sending."""
    if not transport.can_write_eof():
        return
    try:
        transport.write_eof()
    except OSError:  # it has reset the connection just now
        transport.abort()


def _refusal() -> bytes:
    trace = begin_trace(None, None, None)
    current_trace.set(trace)
    problem = problems.describe(Shed("All connections are taken at the moment.", _RETRY_AFTER_SECONDS), "*")
    head = (
        f"{opening(problem.status, problem.headers.items(), http_date(time.time()))}{trace.request_id}"
        f"\r\ntraceparent: {trace.traceparent}"
        f"{closing(Body(len(problem.body), problems.CONTENT_TYPE), keep_alive=False)}"
    )
    return head.encode("ascii") + problem.body
