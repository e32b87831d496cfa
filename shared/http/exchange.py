"""An exchange: one request and its response, counted once, timed, and logged in one line."""

import time
from dataclasses import dataclass, field
from typing import Any, Final, Self

from sanic import Request, Sanic

from shared.http.routing import endpoint_label, labels_of_routes, method_label
from shared.observing import metrics
from shared.observing.logs import log
from shared.observing.tracing import Trace, begin_trace, current_trace

CLIENT_LEFT: Final = 499
"""The status under which a request is counted whose client did not wait for the answer."""

_FAILURES: Final = ("500", "503")

SLOW_SECONDS: Final = 0.01
"""From here on a request's duration carries its trace id as an exemplar (OpenMetrics; with one worker)."""


@dataclass(slots=True)
class Exchange:
    """State of one request; ``facts`` go into its access line, ``headers`` into its answer, errors included.

    ``logged`` is false for one of those that are counted and not written down.
    """

    trace: Trace
    started: float
    facts: dict[str, object] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    logged: bool = True
    handling: bool = False
    finished: bool = False

    @classmethod
    def begin(cls, request: Request) -> Self:
        """Start the clock, take or make the identity, count the request as active."""
        headers = request.headers
        trace = begin_trace(headers.get("x-request-id"), headers.get("traceparent"), headers.get("tracestate"))
        exchange = cls.start(trace, time.monotonic())
        request.ctx.exchange = exchange
        return exchange

    @classmethod
    def start(cls, trace: Trace, started: float) -> Self:
        """One that ``started`` then, as what the current task does; counted as active."""
        current_trace.set(trace)
        metrics.active_requests.inc()
        return cls(trace, started)

    def elapsed(self) -> float:
        """Seconds since the request was first looked at."""
        return time.monotonic() - self.started

    def finish(self, request: Request, status: int) -> None:
        """Count and log the request; a second call does nothing."""
        if not self.finished:
            self.record(method_label(request), endpoint_label(request), status)

    def record(self, method: str, endpoint: str, status: int) -> None:
        """Count and log a finished request under these labels."""
        self.finished = True
        duration = self.elapsed()
        metrics.active_requests.dec()
        metrics.requests.labels(method, endpoint, str(status)).inc()
        # An exemplar leads from a bucket to a trace; nobody looks for one of a fast answer.
        exemplar = {"trace_id": self.trace.trace_id} if duration >= SLOW_SECONDS else None
        metrics.request_duration.labels(method, endpoint).observe(duration, exemplar)
        if not self.logged:
            return
        log(
            "info",
            "request",
            "access",
            method=method,
            route=endpoint,
            status=status,
            duration_ms=round(duration * 1000, 3),
            **self.facts,
        )


def count_failures_from_zero(app: Sanic[Any, Any]) -> None:
    """Let there be a count of our own failures on every route before the first, which then shows as an increase.

    Other statuses come soon enough by themselves; HEAD and OPTIONS are left out as rarely asked.
    """
    for method, endpoint in labels_of_routes(app):
        if method not in {"HEAD", "OPTIONS"}:
            for status in _FAILURES:
                metrics.requests.labels(method, endpoint, status)


def exchange_of(request: Request) -> Exchange | None:
    """The exchange that ``request`` belongs to, once it has begun."""
    return getattr(request.ctx, "exchange", None)
