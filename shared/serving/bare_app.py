"""An app that counts, logs and answers errors as all of ours do, and has no routes yet."""

from typing import Any

from sanic import Sanic
from sanic.config import Config

from shared.http.admission import admit_request
from shared.http.connections import Connections
from shared.http.middleware import ObservedSanic, ProblemErrors, TimedRequest, add_headers
from shared.http.spans import TracedSanic
from shared.observing.telemetry.spans import Spans
from shared.serving.draining import Draining


def bare_app(name: str, config: Config, spans: Spans | None, max_connections: int) -> Sanic[Any, Any]:
    """An app called ``name`` with at most ``max_connections``; ``spans`` takes a span of each request."""
    app_type = ObservedSanic if spans is None else TracedSanic
    app = app_type(
        name,
        config=config,
        error_handler=ProblemErrors(),
        request_class=TimedRequest,
        configure_logging=False,
    )
    app.ctx.spans = spans
    app.ctx.early = None
    app.ctx.edge = None
    app.ctx.facts = {}
    app.ctx.connections = ()
    app.ctx.draining = Draining(0)
    app.ctx.limit = Connections(max_connections)
    app.on_request(admit_request)
    app.on_response(add_headers)  # type: ignore[no-untyped-call]
    return app
