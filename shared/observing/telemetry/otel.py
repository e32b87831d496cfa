"""The one module that imports OpenTelemetry: spans by its SDK, exported from a thread of their own.

The queue between is bounded. A collector that is away costs spans, and a line in the log a minute; no request waits.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Mapping
from typing import Final, Self

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

import shared
from shared.observing.telemetry.spans import Kind, Value
from shared.observing.telemetry.throttled_logging import ThrottledLogging
from shared.observing.tracing import Trace

FLUSH_SECONDS: Final = 1.5
"""For what is left at the end, if the collector takes it."""
_GIVE_UP_SECONDS: Final = 0.4

_KINDS: Final = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
_ROOT: Final = Context()


class OpenTelemetry:
    """Takes spans of one worker; sends them while it is entered."""

    def __init__(self, service: str, address: str, sampler: str, share: float) -> None:
        """Spans go to ``address``; ``sampler`` is a name of OpenTelemetry's, ``share`` the part a ratio takes."""
        self._address = address
        self._ids = _PresetIds()
        self._provider = TracerProvider(
            sampler=_sampler(sampler, share),
            resource=_resource(service),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._tracer = self._provider.get_tracer("profile-gateway", shared.__version__)
        self._logging = ThrottledLogging()

    async def __aenter__(self) -> Self:
        """Begin to send."""
        logger = logging.getLogger("opentelemetry")
        logger.handlers, logger.propagate = [self._logging], False
        self._exporter = OTLPSpanExporter(self._address)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send what is left if that takes less than :data:`FLUSH_SECONDS`; what is not sent by then is lost."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # nobody waits any longer, and the loop is closed
                loop.call_soon_threadsafe(over.set)

        # A thread that nothing waits for at the end of the process: the exporter may hang for longer than we wish to.
        threading.Thread(target=shut_down, name="spans-shutdown", daemon=True).start()
        if not await _in_time(FLUSH_SECONDS, over):
            self._exporter.shutdown()  # ends its pause between two attempts
            await _in_time(_GIVE_UP_SECONDS, over)

    def start_span(
        self, trace: Trace, parent: str, name: str, kind: Kind, attributes: Mapping[str, Value] | None = None
    ) -> "_Span | None":
        """A span that has begun, with the ids of ``trace``; None when the sampler does not want the trace."""
        within = _within(trace, parent, remote=kind == "server") if parent else _ROOT
        self._ids.preset(trace)
        span = self._tracer.start_span(name, within, _KINDS[kind], attributes)
        return _Span(span) if span.is_recording() else None


class _Span:
    """One of theirs, as we know it."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    def set_attribute(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def fail(self, reason: str) -> None:
        self._span.set_attribute("error.type", reason)
        self._span.set_status(StatusCode.ERROR)

    def end(self, name: str = "") -> None:
        if name:
            self._span.update_name(name)
        self._span.end()


class _PresetIds(IdGenerator):
    """Ids that have been made already; only the thread of the event loop begins spans."""

    def preset(self, trace: Trace) -> None:
        self._trace_id, self._span_id = int(trace.trace_id, 16), int(trace.span_id, 16)

    def generate_trace_id(self) -> int:
        return self._trace_id

    def generate_span_id(self) -> int:
        return self._span_id


def _within(trace: Trace, parent: str, *, remote: bool) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT)
    state = TraceState.from_header([trace.state]) if trace.state else None
    ids = int(trace.trace_id, 16), int(parent, 16)
    return set_span_in_context(NonRecordingSpan(SpanContext(*ids, remote, flags, state)), _ROOT)


def _sampler(name: str, share: float) -> Sampler:
    kind = name.removeprefix("parentbased_")
    root = TraceIdRatioBased(share) if kind == "traceidratio" else ALWAYS_ON if kind == "always_on" else ALWAYS_OFF
    return root if kind == name else ParentBased(root)


def _resource(service: str) -> Resource:
    ours = {"service.name": service, "service.version": shared.__version__}
    return Resource.create({**ours, **OTELResourceDetector().detect().attributes})


async def _in_time(seconds: float, event: asyncio.Event) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
