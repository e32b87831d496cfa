"""The routes that every service has: its index and its health."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

import msgspec
from sanic import HTTPResponse, Request, Sanic

import shared
from shared.http import routing
from shared.http.index_route import IndexRoute
from shared.http.openapi.operation import Answer, Operation, example_of
from shared.http.openapi.vocabulary import CACHE_CONTROL, EXAMPLE_TIME, OPERATIONS
from shared.memoized import Memoized
from shared.timestamps import TimestampText, rfc3339

_REMEMBERED_SECONDS: Final = 1.0

Check = Callable[[], Awaitable[bool]]


class Health(msgspec.Struct, frozen=True):
    """Whether a service can answer, which it cannot without its database."""

    status: Literal["healthy", "unhealthy"]
    service: str
    version: str
    timestamp: TimestampText
    database: Literal["healthy", "unhealthy"]


class CommonRoutes:
    """``GET /`` with ``links`` to what ``service`` offers, and ``GET /health`` with its database in it."""

    def __init__(self, service: str, links: Mapping[str, str], check: Check) -> None:
        self._service = service
        self._index = IndexRoute(service, links)
        self._check = Memoized(check, _REMEMBERED_SECONDS)

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Add the routes to ``app``."""
        self._index(app)
        routing.get(app, "/health", self._answer_health, "health", self._health_operation())

    async def _answer_health(self, _request: Request) -> HTTPResponse:
        healthy = await self._check()
        return routing.struct_response(
            self._health(healthy, time.time()), 200 if healthy else 503, {"Cache-Control": "no-store"}
        )

    def _health(self, healthy: bool, now: float) -> Health:
        status: Literal["healthy", "unhealthy"] = "healthy" if healthy else "unhealthy"
        return Health(status, self._service, shared.__version__, rfc3339(now), status)

    def _health_operation(self) -> Operation:
        well, sick = (self._health(healthy, EXAMPLE_TIME) for healthy in (True, False))
        return Operation(
            "Whether this service can answer",
            OPERATIONS,
            (
                Answer(200, "It can.", Health, headers=(CACHE_CONTROL,), examples=example_of(well)),
                Answer(503, "It cannot.", Health, headers=(CACHE_CONTROL,), examples=example_of(sick)),
            ),
            polled=True,
        )
