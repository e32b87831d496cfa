"""An exchange: one request and its response, counted once, timed, and logged in one line."""

import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NamedTuple, Self, cast

from sanic import Request, Sanic

from shared.edge.caller import Caller, Peer
from shared.edge.edge import Edge
from shared.edge.form import PLAIN, Form
from shared.http.routing import endpoint_label, labels_of_routes, method_label, operation_of
from shared.observing import metrics
from shared.observing.logs import log
from shared.observing.tracing import Trace, begin_trace, current_trace

CLIENT_LEFT: Final = 499
"""The status under which a request is counted whose client did not wait for the answer."""

_STREAM_STATUS: Final = 200
_FAILURES: Final = ("500", "503")

SLOW_SECONDS: Final = 0.01
"""From here on a request's duration carries its trace id as an exemplar (OpenMetrics; with one worker)."""


@dataclass(slots=True)
class Exchange:
    """State of one request.

    Attributes:
        facts: go into its access line.
        diagnostics: the fields of its answer, errors included, that tell how that came about.
        caller: who asks; None until that is decided.
        is_judged: whether it has been asked if it is admitted.
        form: in which the answer is given.
        rate_limit: the value of ``RateLimit`` in its head; "" where nothing needs to be told.
        logged: false for one of those that are counted and not written down.
        is_stream: whether it was counted when its stream began.
    """

    trace: Trace
    started: float
    facts: dict[str, object] = field(default_factory=dict)
    diagnostics: dict[str, str] = field(default_factory=dict)
    caller: Caller | None = None
    is_judged: bool = False
    form: Form = PLAIN
    rate_limit: str = ""
    logged: bool = True
    is_stream: bool = False
    handling: bool = False
    finished: bool = False

    @classmethod
    def begin(cls, request: Request) -> Self:
        """Start the clock, take or make the identity, count the request as active."""
        edge = edge_of(request)
        if edge is None or edge.trusts_trace(peer_of(request).peer):
            get = request.headers.get
            trace = begin_trace(get("x-request-id"), get("traceparent"), get("tracestate"))
        else:
            trace = begin_trace(None, None, None)
        exchange = cls.start(trace, time.monotonic())
        exchange.facts.update(request.app.ctx.facts)
        request.ctx.exchange = exchange
        return exchange

    @classmethod
    def start(cls, trace: Trace, started: float) -> Self:
        """One that ``started`` then, as what the current task does; counted as active."""
        current_trace.set(trace)
        metrics.active_requests.inc()
        return cls(trace, started)

    def admit(self, caller: Caller, form: Form, now: float) -> None:
        """It is known who asks, and in which ``form`` they are answered; ``now`` is in seconds since the epoch."""
        self.caller, self.form = caller, form
        if caller.subject:
            self.facts["subject"] = caller.subject
        self.rate_limit = caller.rate_limit(now)

    def complete(self, own: MutableMapping[str, str]) -> dict[str, str]:
        """The fields that go into the head of the answer beside its ``own``, of which ``Vary`` is completed."""
        diagnostics = self.diagnostics if self.form.shows_diagnostics else {}
        rate_limit = {"RateLimit": self.rate_limit} if self.rate_limit and "RateLimit" not in own else {}
        return {**diagnostics, **rate_limit, **self.form.complete(own)}

    def elapsed(self) -> float:
        """Seconds since the request was first looked at."""
        return time.monotonic() - self.started

    def finish(self, request: Request, status: int) -> None:
        """Count and log the request; a second call does nothing."""
        if not self.finished:
            operation = operation_of(request)
            level = "debug" if operation is not None and operation.is_routine(status) else "info"
            self.record(method_label(request), endpoint_label(request), status, level)

    def begin_stream(self, request: Request) -> None:
        """Its answer is a stream that begins now: it counts as answered, and how long it goes on is its own affair."""
        self.is_stream = True
        metrics.active_requests.dec()
        metrics.requests.labels(method_label(request), endpoint_label(request), str(_STREAM_STATUS)).inc()

    def record(self, method: str, endpoint: str, status: int, level: str = "info") -> None:
        """Count a finished request under these labels, and log it at this ``level``."""
        self.finished = True
        duration = self.elapsed()
        if self.is_stream:
            status = _STREAM_STATUS  # as its client has read, whatever has become of it since
        else:
            metrics.active_requests.dec()
            requests, durations = _counted(method, endpoint, status)
            requests.inc()
            # An exemplar leads from a bucket to a trace; nobody looks for one of a fast answer.
            exemplar = {"trace_id": self.trace.trace_id} if duration >= SLOW_SECONDS else None
            durations.observe(duration, exemplar)
        if self.logged:
            ms = round(duration * 1000, 3)
            log(level, "request", "access", method=method, route=endpoint, status=status, duration_ms=ms, **self.facts)


@cache
def _counted(method: str, endpoint: str, status: int) -> tuple[metrics.QuickCounter, metrics.BatchHistogram]:
    """Where requests are counted, and how long they took: there are few such labels (``routing``)."""
    return metrics.requests.labels(method, endpoint, str(status)), metrics.request_duration.labels(method, endpoint)


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


def edge_of(request: Request) -> Edge | None:
    """What decides who is answered; None where everybody is."""
    return getattr(request.app.ctx, "edge", None)


class _Nobody(NamedTuple):
    """The peer of a request whose connection is gone, or never was one."""

    peer: str = ""
    operations: bool = False


_NOBODY: Final = _Nobody()


def peer_of(request: Request) -> Peer:
    """The other end of the connection that ``request`` came over."""
    return _NOBODY if request.stream is None else cast("Peer", request.stream.protocol)
