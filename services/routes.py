"""The routes that every service has: its index and its health."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic

import shared
from shared.http import routing
from shared.memoized import Memoized
from shared.timestamps import rfc3339

_REMEMBERED_SECONDS: Final = 1.0
_COMMON_LINKS: Final = {
    "health": "/health",
    "live": "/health/live",
    "ready": "/health/ready",
    "metrics": "/metrics",
}

Check = Callable[[], Awaitable[bool]]


class CommonRoutes:
    """``GET /`` with ``links`` to the routes of ``service``, and ``GET /health`` with the state of its database."""

    def __init__(self, service: str, links: Mapping[str, str], check: Check) -> None:
        self._service = service
        self._links = dict(links) | _COMMON_LINKS
        self._check = Memoized(check, _REMEMBERED_SECONDS)

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Add the routes to ``app``."""
        routing.get(app, "/", self._answer_index, "index")
        routing.get(app, "/health", self._answer_health, "health")

    async def _answer_index(self, _request: Request) -> HTTPResponse:
        return routing.json_response(
            {"name": self._service, "version": shared.__version__, "links": self._links},
        )

    async def _answer_health(self, _request: Request) -> HTTPResponse:
        healthy = await self._check()
        status = "healthy" if healthy else "unhealthy"
        document = {
            "status": status,
            "service": self._service,
            "version": shared.__version__,
            "timestamp": rfc3339(time.time()),
            "database": status,
        }
        return routing.json_response(document, 200 if healthy else 503, Cache_Control="no-store")
