"""The interface of spans, independent of OpenTelemetry. A span has the ids of a ``Trace``, and no others.

The current trace is that of the innermost span: it is what ``traceparent`` tells to whoever is called within, and its
trace id is the one in every log line. Whether a trace is recorded is decided once, where it begins or comes in.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Final, Literal, Protocol

from shared.errors import NotFound, UpstreamError
from shared.observing.tracing import Trace, begin_trace, current_trace

Value = str | int | float | bool
Kind = Literal["server", "client", "internal"]


class Span(Protocol):
    """Something that takes time."""

    def set_attribute(self, name: str, value: Value) -> None:
        """An attribute; never anything that tells of a person."""

    def fail(self, reason: str) -> None:
        """It has failed; ``reason`` is one of few words."""

    def end(self, name: str = "") -> None:
        """It is over, and perhaps called ``name``."""


class Spans(AbstractAsyncContextManager[object], Protocol):
    """Takes spans and sends them away; a resource of the app, left within bounded time, in which it sends the rest."""

    def start_span(
        self, trace: Trace, parent: str, name: str, kind: Kind, attributes: Mapping[str, Value] | None = None
    ) -> Span | None:
        """A span that has begun, with the ids of ``trace``; None when the trace is not to be recorded.

        ``parent`` is the id of the span that it lies in, empty when it begins the trace; a server's lies elsewhere.
        """


class _Unrecorded:
    """The span of a trace that is not recorded."""

    def set_attribute(self, name: str, value: Value) -> None:
        pass

    def fail(self, reason: str) -> None:
        pass

    def end(self, name: str = "") -> None:
        pass


UNRECORDED: Final[Span] = _Unrecorded()


@contextmanager
def spanning(
    spans: Spans,
    name: str,
    kind: Kind = "internal",
    attributes: Mapping[str, Value] | None = None,
    *,
    may_begin: bool = False,
) -> Iterator[Span]:
    """A span round what is done inside; an exception that leaves it makes it a failed one.

    Outside any trace there is none, unless it ``may_begin`` a trace of its own: background work does.
    """
    outer = current_trace.get()
    if outer is None and may_begin:
        trace, parent = begin_trace(None, None, None), ""
    elif outer is None or not outer.sampled:
        yield UNRECORDED
        return
    else:
        trace, parent = outer.within(), outer.span_id
    span = spans.start_span(trace, parent, name, kind, attributes)
    if span is None:
        trace, span = trace.unsampled(), UNRECORDED
    current_trace.set(trace)
    try:
        yield span
    except BaseException as error:
        reason = _reason(error)
        if reason:
            span.fail(reason)
        raise
    finally:
        current_trace.set(outer)
        span.end()


def _reason(error: BaseException) -> str:
    if isinstance(error, UpstreamError):
        return error.reason
    if isinstance(error, NotFound):
        return ""  # an answer like any other
    return "cancelled" if isinstance(error, asyncio.CancelledError) else type(error).__name__
