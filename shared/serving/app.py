"""Builds any of our Sanic apps: lifecycle, middleware, problems, health and metrics routes."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import Any, Final, Literal

import msgspec
from sanic import HTTPResponse, Request, Sanic
from sanic.config import Config

import shared
from shared.edge.edge import Edge
from shared.http import routing
from shared.http.early_answers import EarlyAnswers
from shared.http.exchange import count_failures_from_zero
from shared.http.metrics_route import metrics_route
from shared.http.openapi.document import Info
from shared.http.openapi.operation import Answer, Operation, example_of
from shared.http.openapi.route import OpenAPIRoute
from shared.http.openapi.vocabulary import CACHE_CONTROL, OPERATIONS
from shared.http.streams.streams import Streams
from shared.observing import metrics
from shared.observing.logs import log
from shared.observing.process_metrics import ProcessMetrics
from shared.observing.telemetry.spans import Spans
from shared.serving.bare_app import bare_app
from shared.serving.loop_errors import report_loop_error
from shared.serving.reloading import Reload
from shared.settings.declared import Settings

_OWN_MIDDLEWARE: Final = 2

Resource = AbstractAsyncContextManager[object]
"""Something an app holds while it serves: entered before the first request, left after the last."""
IsReady = Callable[[], bool]
"""Tells whether an app can take traffic, beyond having been started."""
Routes = Callable[[Sanic[Any, Any]], None]
"""Adds a group of routes to an app."""


class Liveness(msgspec.Struct, frozen=True):
    """The event loop turns; nothing else is looked at."""

    status: Literal["alive"]


class Readiness(msgspec.Struct, frozen=True):
    """Whether traffic is taken."""

    status: Literal["ready", "not_ready"]


def build_app(
    service: str,
    settings: Settings,
    *,
    description: str = "",
    routes: Sequence[Routes],
    resources: Sequence[Resource] = (),
    ready: IsReady = lambda: True,
    body_limit: int = 64 * 1024,
    spans: Spans | None = None,
    early: EarlyAnswers | None = None,
    edge: Edge | None = None,
    reloads: Sequence[Reload] = (),
    streams: Streams | None = None,
) -> Sanic[Any, Any]:
    """A Sanic app named ``service`` with everything that all our apps have in common.

    ``description`` is what its OpenAPI document says of it, as CommonMark.
    Resources are entered in order before the server starts and left in reverse order after it has stopped; one that
    raises on entry ends the process, so whatever may be absent (a database, Redis) must be awaited in its own task.
    ``body_limit`` bounds request bodies, in bytes. ``spans`` takes a span of each request.
    ``early`` has what the routes have declared to be answered early. ``edge`` decides who is answered; without one
    everybody is. ``reloads`` are read again on SIGHUP, where the program's settings say that it does that, besides its
    certificate and its secrets out of files. ``streams`` are those that stay open until it stops.
    """
    config = Config(env_prefix=None)
    config.update(
        ACCESS_LOG=False,
        AUTO_EXTEND=False,
        GRACEFUL_SHUTDOWN_TIMEOUT=settings.shutdown_grace,
        GRACEFUL_TCP_CLOSE_TIMEOUT=60,  # slow readers are disconnected sooner (shared/http/slow_readers.py)
        KEEP_ALIVE_TIMEOUT=75,
        MOTD=False,
        REQUEST_MAX_SIZE=body_limit,
        REQUEST_TIMEOUT=10,
        RESPONSE_TIMEOUT=60,
    )
    app = bare_app(service, config, spans, settings.max_connections)
    app.ctx.early = early
    app.ctx.edge = edge
    app.ctx.reloads = tuple(reloads)
    held = (ProcessMetrics(), spans, *resources, streams)  # spans may come until all else is closed
    lifecycle = _Lifecycle(service, [one for one in held if one is not None], ready, streams)
    app.register_listener(lifecycle.start, "before_server_start")
    app.register_listener(lifecycle.started, "after_server_start")
    app.register_listener(lifecycle.stopping, "before_server_stop")
    app.register_listener(lifecycle.stop, "after_server_stop")
    openapi = OpenAPIRoute(Info(service, shared.__version__, description))
    groups: list[Routes] = [*routes, lifecycle.routes, metrics_route, openapi]
    for group in groups:
        group(app)
    app.ctx.openapi = openapi.make(app)
    count_failures_from_zero(app)
    routing.add_options(app, None if edge is None else edge.cors)
    return app


class _Lifecycle:
    """Opens and closes what the app holds, and answers whether it lives and is ready."""

    def __init__(self, service: str, resources: Sequence[Resource], ready: IsReady, streams: Streams | None) -> None:
        self._service = service
        self._streams = streams
        self._resources = resources
        self._ready = ready
        self._open = AsyncExitStack()
        self._serving = False

    async def start(self, _app: Sanic[Any, Any]) -> None:
        asyncio.get_running_loop().set_exception_handler(report_loop_error)
        metrics.build_info.labels(self._service, shared.__version__).set(1)
        for resource in self._resources:
            await self._open.enter_async_context(resource)

    async def started(self, app: Sanic[Any, Any]) -> None:
        self._serving = True
        if app.ctx.early is not None:
            app.ctx.early.open(app, middleware=_OWN_MIDDLEWARE)
        log("info", "serving", "app", version=shared.__version__)

    async def stopping(self, app: Sanic[Any, Any]) -> None:
        self._serving = False
        if app.ctx.early is not None:
            app.ctx.early.close()
        # Answers from now on say ``Connection: close``, so that clients go elsewhere.
        app.config.KEEP_ALIVE = False
        for connection in app.ctx.connections:
            connection.end_after_answer()
        if self._streams is not None:
            self._streams.drain()
        log("info", "stopping", "app")
        await app.ctx.draining.wait()

    async def stop(self, _app: Sanic[Any, Any]) -> None:
        await self._open.aclose()
        log("info", "stopped", "app")

    def routes(self, app: Sanic[Any, Any]) -> None:
        routing.get(app, "/health/live", self._answer_live, "live", _LIVE)
        routing.get(app, "/health/ready", self._answer_ready, "ready", _READY)

    async def _answer_live(self, _request: Request) -> HTTPResponse:
        return routing.struct_response(_ALIVE, headers=_NO_STORE)

    async def _answer_ready(self, _request: Request) -> HTTPResponse:
        ready = self._serving and self._ready()
        return routing.struct_response(_IS_READY if ready else _NOT_READY, 200 if ready else 503, _NO_STORE)


_NO_STORE: Final = {"Cache-Control": "no-store"}
_ALIVE: Final = Liveness("alive")
_IS_READY: Final = Readiness("ready")
_NOT_READY: Final = Readiness("not_ready")

_answer = partial(Answer, headers=(CACHE_CONTROL,))
_probe = partial(Operation, operational=True, probe=True, polled=True)
_LIVE: Final = _probe(
    "Whether the process lives", OPERATIONS, (_answer(200, "It does.", Liveness, examples=example_of(_ALIVE)),)
)
_NOT: Final = "It is not: this is starting, stopping, or overloaded."
_READY: Final = _probe(
    "Whether traffic is taken",
    OPERATIONS,
    (
        _answer(200, "It is.", Readiness, examples=example_of(_IS_READY)),
        _answer(503, _NOT, Readiness, examples=example_of(_NOT_READY)),
    ),
)
