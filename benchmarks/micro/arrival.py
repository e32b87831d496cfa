"""What happens to every request: identity, accounting, the access line."""

from collections.abc import Callable
from functools import partial
from typing import Final

from benchmarks.micro.piece import Piece
from benchmarks.micro.request import TRACEPARENT, request
from shared.http.exchange import Exchange
from shared.observing import logs, metrics
from shared.observing.tracing import begin_trace, current_trace


class _Nowhere:
    """Takes lines at once: a thread that cannot keep up would drop some, and dropping is cheap."""

    def put(self, line: bytes) -> None:
        pass

    def close(self) -> None:
        pass


def _new_trace() -> Callable[[], object]:
    return partial(begin_trace, None, None, None)


def _taken_trace() -> Callable[[], object]:
    return partial(begin_trace, "a-request-id-of-the-client", TRACEPARENT, None)


def _counter() -> Callable[[], object]:
    labels = metrics.requests.labels
    return lambda: labels("GET", "/api/profile/<user_id>", "200").inc()


def _bound_counter() -> Callable[[], object]:
    return metrics.cache_hits.labels("memory").inc


def _histogram() -> Callable[[], object]:
    labels = metrics.request_duration.labels
    return lambda: labels("GET", "/api/profile/<user_id>").observe(0.0012)


def _gauge() -> Callable[[], object]:
    return metrics.active_requests.inc


def _line() -> Callable[[], object]:
    logs.set_writer(_Nowhere())
    current_trace.set(begin_trace(None, None, None))
    facts = {"method": "GET", "route": "/api/profile/<user_id>", "status": 200, "duration_ms": 0.123}
    return lambda: logs.log("info", "request", "access", **facts, cache="memory hit")


def _exchange(*, logged: bool) -> Callable[[], object]:
    logs.set_writer(_Nowhere())
    asked = request()

    def exchange() -> None:
        begun = Exchange.begin(asked)
        begun.logged = logged
        begun.finish(asked, 200)

    return exchange


PIECES: Final = (
    Piece("begin_trace, new", _new_trace),
    Piece("begin_trace, taken from the client", _taken_trace),
    Piece("counter, labels looked up", _counter),
    Piece("counter, bound", _bound_counter),
    Piece("histogram, labels looked up", _histogram),
    Piece("gauge", _gauge),
    Piece("access line, made", _line),
    Piece("Exchange, begin to finish, no line", partial(_exchange, logged=False)),
    Piece("Exchange, begin to finish, with its line", partial(_exchange, logged=True)),
)
