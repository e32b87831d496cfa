"""Spans of real processes in a real collector, and what happens when it is away."""

import json
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.asking import ask
from tests.fixtures.collector import Collector, SeenSpan
from tests.fixtures.counting_services import CountingServices
from tests.fixtures.processes import App, StartApp, free_port, wait_until
from tests.fixtures.redis_server import RedisServer

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50", "SHUTDOWN_DRAIN_SECONDS": "0"}
STOP_SECONDS = 15.0
"""The bound of two seconds, and what a busy machine may add."""


@pytest.fixture
def services() -> Iterator[CountingServices]:
    """Three services that note what they are asked."""
    with CountingServices() as running:
        yield running


def events(app: App) -> list[dict[str, Any]]:
    """The log, each line read."""
    return [json.loads(line) for line in app.lines().splitlines() if line.startswith("{")]


def trace_in(collector: Collector, trace_id: str) -> dict[str, SeenSpan]:
    """The spans of one trace by name, once that of the whole request is there: it is the last to end."""
    wait_until(
        lambda: any(span.kind == "server" for span in collector.spans(trace_id)), "the span of the request never came"
    )
    return {span.name: span for span in collector.spans(trace_id)}


def seconds_to_stop(app: App) -> float:
    """How long the process takes to end, and that it does so cleanly."""
    started = time.monotonic()
    assert app.stop() == 0
    return time.monotonic() - started


def test_one_request_is_one_connected_trace(
    start_app: StartApp, services: CountingServices, collector: Collector, redis_server: RedisServer
) -> None:
    """Every kind of span, each in its place, under the ids that the log, the client and the services see."""
    app = start_app(
        "bff",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        REDIS_URL=redis_server.url,
        **services.environment,
        **SOON,
    )
    wait_until(lambda: '"redis":"healthy"' in _health(app), "Redis is not there")
    status, headers = ask(app, "/api/profile/ada-lovelace", traceparent=f"00-{TRACE}-{CALLER}-01")
    assert status == 200
    spans = trace_in(collector, TRACE)

    request = spans["GET /api/profile/<user_id>"]
    aggregate = spans["aggregate profile"]
    lookups = [span for span in collector.spans(TRACE) if span.name == "redis lookup"]
    assert (request.kind, request.parent) == ("server", CALLER)
    assert (aggregate.kind, aggregate.parent) == ("internal", request.span_id)
    within = [request.span_id, spans["part products"].span_id]  # the aggregate is looked for, then each product
    assert [(span.kind, span.parent) for span in lookups] == [("client", parent) for parent in within]
    parts = {"user": "users", "orders": "orders", "products": "products"}
    for part, service in parts.items():
        span = spans[f"part {part}"]
        attempt = spans[f"{'POST' if part == 'products' else 'GET'} {service[:-1]}_service"]
        assert (span.kind, span.parent) == ("internal", aggregate.span_id)
        assert (attempt.kind, attempt.parent) == ("client", span.span_id)
        assert services.traceparents(service) == [f"00-{TRACE}-{attempt.span_id}-01"]
        assert span.attributes["part.status"] == "fresh"
        assert attempt.attributes["http.response.status_code"] == 200
        assert attempt.attributes["upstream.attempt"] == 1
        assert attempt.attributes["server.address"] == "127.0.0.1"

    assert headers["traceparent"] == f"00-{TRACE}-{request.span_id}-01"
    (line,) = [event for event in events(app) if event.get("route") == "/api/profile/<user_id>"]
    assert line["trace_id"] == request.trace_id
    assert request.attributes == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "http.route": "/api/profile/<user_id>",
        "url.path": "/api/profile/<user_id>",
        "cache.outcome": "miss",
    }
    for lookup, wanted in zip(lookups, (1, 2), strict=True):
        assert lookup.attributes == {
            "db.system.name": "redis",
            "db.operation.name": "GET",
            "cache.wanted": wanted,
            "cache.found": 0,
        }
    assert aggregate.attributes == {"aggregate.early_refresh": False, "aggregate.partial": False}
    assert not any(span.failed for span in spans.values())
    assert all(0 <= span.seconds <= request.seconds for span in spans.values())
    assert "lovelace" not in str(collector.spans())

    _, headers = ask(app, "/api/profile/ada-lovelace")
    own = headers["traceparent"].split("-")
    again = trace_in(collector, own[1])["GET /api/profile/<user_id>"]
    assert (again.span_id, again.parent) == (own[2], "")
    assert again.attributes["cache.outcome"] == "memory hit"
    assert again.resource["service.name"] == "api-gateway"


def _health(app: App) -> str:
    with urllib.request.urlopen(f"{app.url}/health", timeout=10) as answer:
        return str(answer.read().decode())


def test_what_goes_wrong_is_told(start_app: StartApp, services: CountingServices, collector: Collector) -> None:
    """Attempts by their number and reason, parts that are missing, the answer's status."""
    app = start_app(
        "bff", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.url}/v1/traces", **services.environment, **SOON
    )
    services.stop()
    assert ask(app, "/api/profile/ada", traceparent=f"00-{TRACE}-{CALLER}-01")[0] == 503
    named = trace_in(collector, TRACE)
    request = named["GET /api/profile/<user_id>"]
    assert (request.failed, request.attributes["error.type"]) == (True, "503")
    part = named["part user"]
    assert part.failed
    assert (part.attributes["part.status"], part.attributes["part.reason"]) == ("missing", "unavailable")
    attempts = [span for span in collector.spans(TRACE) if span.name == "GET user_service"]
    assert sorted(span.attributes["upstream.attempt"] for span in attempts) == [1, 2]
    assert {span.attributes["error.type"] for span in attempts} == {"unavailable"}
    assert [span.attributes.get("http.request.resend_count") for span in attempts] in ([None, 1], [1, None])
    assert ask(app, "/api/profile/no%20id", traceparent=f"00-{TRACE[::-1]}-{CALLER}-01")[0] == 400
    refused = trace_in(collector, TRACE[::-1])["GET /api/profile/<user_id>"]
    assert (refused.failed, refused.attributes["http.response.status_code"]) == (False, 400)


def test_the_callers_wish_and_the_sampler_are_honoured(
    start_app: StartApp, services: CountingServices, collector: Collector
) -> None:
    """Where the caller says so nothing is recorded; a trace of our own is recorded as the ratio has it."""
    app = start_app(
        "bff",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_TRACES_SAMPLER="parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0",
        **services.environment,
        **SOON,
    )
    unwanted = TRACE[::-1]
    _, headers = ask(app, "/api/profile/one", traceparent=f"00-{unwanted}-{CALLER}-00")
    assert headers["traceparent"].endswith("-00")
    assert services.traceparents("users")[0].startswith(f"00-{unwanted}-")
    assert services.traceparents("users")[0].endswith("-00")
    _, headers = ask(app, "/api/profile/two")
    assert headers["traceparent"].endswith("-00")
    assert services.traceparents("users")[1].endswith("-00")
    ask(app, "/api/profile/three", traceparent=f"00-{TRACE}-{CALLER}-01")
    trace_in(collector, TRACE)
    assert app.stop() == 0
    assert {span.trace_id for span in collector.spans()} == {TRACE}


def test_a_service_continues_the_trace(start_app: StartApp, collector: Collector, tmp_path: Path) -> None:
    """The services' own requests are spans too, under the names that the environment gives."""
    app = start_app(
        "services.users",
        DATABASE_URL=f"sqlite:///{tmp_path}/users.db",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_SERVICE_NAME="people",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test,service.name=overruled",
        **SOON,
    )
    ask(app, "/users/user123", traceparent=f"00-{TRACE}-{CALLER}-01")
    (span,) = trace_in(collector, TRACE).values()
    assert (span.name, span.parent) == ("GET /users/<user_id>", CALLER)
    assert span.resource["service.name"] == "people"
    assert span.resource["deployment.environment.name"] == "test"
    assert span.resource["service.version"]


def test_every_worker_sends_what_is_left_when_it_ends(
    start_app: StartApp, services: CountingServices, collector: Collector
) -> None:
    """With the usual delay of five seconds nothing has been sent yet; at the end all of it is."""
    app = start_app("bff", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, WORKERS="2", **services.environment)
    asked = {ask(app, f"/api/profile/user{number}")[1]["traceparent"] for number in range(20)}
    assert app.stop() == 0
    sent = {f"00-{span.trace_id}-{span.span_id}-01" for span in collector.spans() if span.kind == "server"}
    assert asked <= sent


@pytest.mark.parametrize("collector_is", ["away", "silent"])
def test_a_collector_that_does_not_answer_costs_nobody_anything(
    start_app: StartApp, services: CountingServices, collector_is: str
) -> None:
    """Requests are answered as ever, the log has one line about it, and the process ends in time."""
    with socket.create_server(("127.0.0.1", 0)) as listening:  # takes connections, and never says a word
        port = listening.getsockname()[1] if collector_is == "silent" else free_port()
        app = start_app(
            "bff",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
            OTEL_EXPORTER_OTLP_TIMEOUT="3" if collector_is == "away" else "30",
            **services.environment,
            **SOON,
        )
        if collector_is == "away":
            wait_until(lambda: '"spans are being lost"' in app.lines(), "nobody noticed")
        for number in range(50):
            assert ask(app, f"/api/profile/user{number}")[0] == 200
        assert seconds_to_stop(app) < STOP_SECONDS
        told = [event for event in events(app) if event["logger"] == "telemetry" or "urllib3" in event["logger"]]
        assert len(told) <= 1
        assert [event["event"] for event in events(app)][-1] == "stopped"
