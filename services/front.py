"""The routes that every service has in the same form: its index and its health."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic

import shared
from shared import routing

_REMEMBERED_SECONDS: Final = 1.0
_COMMON_LINKS: Final = {
    "health": "/health",
    "live": "/health/live",
    "ready": "/health/ready",
    "metrics": "/metrics",
}

Check = Callable[[], Awaitable[bool]]


class Remembered:
    """``check`` with its result kept for a second, so that probing is no load."""

    def __init__(self, check: Check, clock: Callable[[], float] = time.monotonic) -> None:
        self._check = check
        self._clock = clock
        self._until = clock()
        self._result = False
        self._checking = asyncio.Lock()

    async def __call__(self) -> bool:
        """The result, at most a second old."""
        async with self._checking:
            if self._clock() >= self._until:
                self._result = await self._check()
                self._until = self._clock() + _REMEMBERED_SECONDS
            return self._result


class Front:
    """``GET /`` with ``links`` to what ``service`` offers, and ``GET /health`` with its database in it."""

    def __init__(self, service: str, links: Mapping[str, str], check: Check) -> None:
        self._service = service
        self._links = dict(links) | _COMMON_LINKS
        self._check = Remembered(check)

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
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "database": status,
        }
        return routing.json_response(document, 200 if healthy else 503, Cache_Control="no-store")
