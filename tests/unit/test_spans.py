"""Spans round what is done: ids, nesting, failures, traces that are not recorded; and complaints of the exporter."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import orjson
import pytest

from bff.settings import GatewaySettings
from bff.upstreams import build_transports, build_upstreams
from shared.errors import NotFound, SettingsError, Unreachable
from shared.observing import logs
from shared.observing.telemetry.build import spans_for
from shared.observing.telemetry.spans import Kind, Value, spanning
from shared.observing.telemetry.throttled_logging import ThrottledLogging
from shared.observing.tracing import Trace, begin_trace, current_trace
from shared.settings.environment import export_environment
from shared.settings.loading import load
from shared.upstream.transport.session import Session


class Noted:
    """A span, and what it was told."""

    def __init__(self, trace: Trace, parent: str, kind: Kind, attributes: Mapping[str, Value] | None) -> None:
        self.trace = trace
        self.parent = parent
        self.kind = kind
        self.told: dict[str, Value] = dict(attributes or {})
        self.reason = ""
        self.ended = False

    def set_attribute(self, name: str, value: Value) -> None:
        """Keep it."""
        self.told[name] = value

    def fail(self, reason: str) -> None:
        """Keep it."""
        self.reason = reason

    def end(self, name: str = "") -> None:
        """Keep it."""
        self.told["name"] = name
        self.ended = True


class Notes:
    """Takes every span, or none."""

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted
        self.spans: list[Noted] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Nothing to close."""

    def start_span(
        self, trace: Trace, parent: str, name: str, kind: Kind, attributes: Mapping[str, Value] | None = None
    ) -> Noted | None:
        """Note it."""
        if not self._wanted:
            return None
        self.spans.append(Noted(trace, parent, kind, attributes))
        self.spans[-1].told["began as"] = name
        return self.spans[-1]


@pytest.fixture
def request_trace() -> Iterator[Trace]:
    """The trace of a request that is being answered."""
    trace = begin_trace("request", None, None)
    before = current_trace.set(trace)
    yield trace
    current_trace.reset(before)


def test_spans_lie_in_each_other(request_trace: Trace) -> None:
    """Inside a span the current trace is its own: same trace and request, new span, the outer one as parent."""
    notes = Notes()
    with spanning(notes, "outer"):
        outer = current_trace.get()
        with spanning(notes, "inner"):
            inner = current_trace.get()
        assert current_trace.get() is outer
    assert current_trace.get() is request_trace
    assert outer is not None
    assert inner is not None
    assert (outer.trace_id, outer.request_id) == (request_trace.trace_id, "request")
    assert inner.trace_id == request_trace.trace_id
    assert [span.parent for span in notes.spans] == [request_trace.span_id, outer.span_id]
    assert len({request_trace.span_id, outer.span_id, inner.span_id}) == 3
    assert [span.trace for span in notes.spans] == [outer, inner]
    assert all(span.ended for span in notes.spans)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unreachable("no connection"), "unavailable"),
        (NotFound("no such user"), ""),
        (asyncio.CancelledError(), "cancelled"),
        (KeyError("ada@example.com"), "KeyError"),
    ],
)
def test_an_error_fails_its_span(request_trace: Trace, error: BaseException, reason: str) -> None:
    """By a word, never by the error's text; that something does not exist is no failure."""
    notes = Notes()
    with pytest.raises(type(error)), spanning(notes, "failing"):
        raise error
    assert [(span.reason, span.ended) for span in notes.spans] == [(reason, True)]
    assert current_trace.get() is request_trace


def test_a_trace_that_is_not_recorded_costs_no_span(request_trace: Trace) -> None:
    """Its ids stay those of the request."""
    notes = Notes()
    unsampled = request_trace.unsampled()
    current_trace.set(unsampled)
    with spanning(notes, "unseen") as span:
        span.set_attribute("part.status", "fresh")
        span.fail("unavailable")
        assert current_trace.get() is unsampled
    assert notes.spans == []


def test_only_background_work_begins_a_trace() -> None:
    """Outside a request there is no span, but for one that may begin a trace; the sampler is asked then."""
    before = current_trace.set(None)
    try:
        notes = Notes()
        with spanning(notes, "lookup"):
            assert current_trace.get() is None
        with spanning(notes, "refresh", may_begin=True), spanning(notes, "part"):
            pass
        refresh, part = notes.spans
        assert refresh.parent == ""
        assert part.parent == refresh.trace.span_id
        unwanted = Notes(wanted=False)
        with spanning(unwanted, "refresh", may_begin=True):
            trace = current_trace.get()
            assert trace is not None
            assert trace.traceparent.endswith("-00")
        assert current_trace.get() is None
    finally:
        current_trace.reset(before)


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/"}, "http://collector:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://elsewhere/otlp"}, "https://elsewhere/otlp"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b:2/t"},
            "http://b:2/t",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1", "OTEL_SDK_DISABLED": "TRUE"}, ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1", "OTEL_TRACES_EXPORTER": "none"}, ""),
    ],
)
def test_where_traces_go(environment: dict[str, str], address: str) -> None:
    """By the names and rules of OpenTelemetry; nowhere unless an endpoint is given."""
    settings = load(GatewaySettings, environment)
    assert settings.traces_address == address
    if not address:
        assert spans_for("api-gateway", settings) is None


def test_a_sampler_that_is_none_is_refused() -> None:
    """Rather than everything being recorded, as the SDK would have it."""
    with pytest.raises(SettingsError) as told:
        load(GatewaySettings, {"OTEL_TRACES_SAMPLER": "some", "OTEL_TRACES_SAMPLER_ARG": "nan"})
    assert len(told.value.mistakes) == 2


def test_settings_of_a_library_are_passed_on() -> None:
    """Those of its prefix alone."""
    into = {"PATH": "/bin", "OTEL_A": "before"}
    export_environment({"OTEL_A": "1", "OTEL_B": "2", "ADMIN_TOKEN": "3"}, "OTEL_", into)
    assert into == {"PATH": "/bin", "OTEL_A": "1", "OTEL_B": "2"}


class _Lines:
    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def put(self, line: bytes) -> None:
        self.lines.append(orjson.loads(line))

    def close(self) -> None:
        """Nothing to close."""


def test_complaints_come_once_a_minute() -> None:
    """The first at once; then one a minute, with the number of those that were not passed on."""
    now = [0.0]
    words = ThrottledLogging(lambda: now[0])
    record = logging.LogRecord("exporter", logging.WARNING, "", 0, "no %s", ("collector",), None)
    lines = _Lines()
    logs.set_writer(lines)
    try:
        for second in range(0, 100, 10):
            now[0] = float(second)
            words.handle(record)
    finally:
        logs.set_writer(None)
    assert [(line["event"], line["message"], line["suppressed"]) for line in lines.lines] == [
        ("spans are being lost", "no collector", 0),
        ("spans are being lost", "no collector", 5),
    ]


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8001,http://127.0.0.2:8001",
        "http://127.0.0.1,https://users/v2",
        "dns+http://users:8001",
        "srv+http://_http._tcp.users",
    ],
)
def test_attempts_are_spans_wherever_the_service_is(address: str) -> None:
    """In whatever form its address is written, several of them included."""
    settings = load(GatewaySettings, {"USER_SERVICE_URL": address})
    upstreams = build_upstreams(settings.declared, settings, build_transports(settings, Session()), Notes())
    assert upstreams.keys() == settings.services.keys()
