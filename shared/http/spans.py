"""The server span of a request, with the ids of the request's own trace."""

from typing import Self

from sanic import Request

from shared.http.exchange import Exchange
from shared.http.middleware import ObservedSanic
from shared.http.routing import UNMATCHED, endpoint_label, method_label
from shared.observing.telemetry.spans import UNRECORDED, Span, Spans
from shared.observing.tracing import Trace, current_trace


class TracedExchange(Exchange):
    """An exchange that is a span as well."""

    span: Span = UNRECORDED

    @classmethod
    def begin(cls, request: Request) -> Self:
        """Begin both; where the trace begins here too, it is decided whether it is recorded."""
        exchange = super().begin(request)
        spans: Spans = request.app.ctx.spans
        method = method_label(request)
        attributes = {"http.request.method": _semantic(method), "url.scheme": request.scheme}
        span = spans.start_span(
            exchange.trace, _caller(request, exchange.trace), _semantic(method), "server", attributes
        )
        if span is not None:
            exchange.span = span
        elif exchange.trace.sampled:
            exchange.trace = exchange.trace.unsampled()
            current_trace.set(exchange.trace)
        return exchange

    def finish(self, request: Request, status: int) -> None:
        """Count and log the request, and end its span; a second call does nothing."""
        if self.finished:
            return
        super().finish(request, status)
        span, method, route = self.span, method_label(request), endpoint_label(request)
        span.set_attribute("http.response.status_code", status)
        if route != UNMATCHED:
            span.set_attribute("http.route", route)
            span.set_attribute("url.path", route)  # the path without the identifiers in it
        cache = self.facts.get("cache")
        if isinstance(cache, str):
            span.set_attribute("cache.outcome", cache)
        if status >= 500:
            span.fail(str(status))
        span.end(_named(method) if route == UNMATCHED else f"{_named(method)} {route}")


class TracedSanic(ObservedSanic):
    """An app whose requests are spans; ``ctx.spans`` takes them."""

    exchange_type = TracedExchange


def _caller(request: Request, trace: Trace) -> str:
    """The id of the span that the request was made in; empty when ``trace`` begins here."""
    given = request.headers.get("traceparent", "").split("-", 3)
    return given[2] if len(given) > 2 and given[1] == trace.trace_id else ""


def _semantic(method: str) -> str:
    return "_OTHER" if method == "OTHER" else method


def _named(method: str) -> str:
    return "HTTP" if method == "OTHER" else method
