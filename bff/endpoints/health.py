"""``GET /health``: the status of every component, and of the whole."""

import asyncio
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Literal

from sanic import HTTPResponse, Request, Sanic

import shared
from shared.cache.cache import Cache
from shared.cache.near import Trust
from shared.http import routing
from shared.memoized import Memoized
from shared.timestamps import rfc3339
from shared.upstream.client import Upstream

ComponentStatus = Literal["healthy", "unhealthy", "disabled"]

REMEMBERED_SECONDS = 1.0


class Health:
    """Checks all components at once, each within a second, and remembers the result for another."""

    def __init__(
        self,
        service: str,
        upstreams: Mapping[str, Upstream],
        cache: Cache,
        paths: Mapping[str, str],
        essential: AbstractSet[str],
    ) -> None:
        """``paths`` has what each upstream is asked for; ``essential`` names those without which nothing is served."""
        self._service = service
        self._upstreams = upstreams
        self._cache = cache
        self._paths = paths
        self._essential = essential
        self._components = Memoized(self._check, REMEMBERED_SECONDS)

    def routes(self, app: Sanic[Any, Any]) -> None:
        """GET and HEAD of ``/health``."""
        routing.get(app, "/health", self._answer, "health")

    async def _answer(self, _request: Request) -> HTTPResponse:
        components = await self._components()
        # Blind, the memory tier is not asked: each hit costs a round trip.
        blind = components["redis"] == "healthy" and self._cache.trust is Trust.BLIND
        status = overall(components, self._essential)
        if blind and status == "healthy":
            status = "degraded"
        document = {
            "status": status,
            "service": self._service,
            "version": shared.__version__,
            "timestamp": rfc3339(time.time()),
            "services": components,
            # Without Redis the memory tier answers, so there is always a cache.
            "cache": {
                "type": "redis" if components["redis"] == "healthy" else "in_memory",
                "status": "degraded" if blind else "healthy",
            },
        }
        return routing.json_response(document, 503 if status == "unhealthy" else 200, Cache_Control="no-store")

    async def _check(self) -> Mapping[str, ComponentStatus]:
        named = self._upstreams
        results = await asyncio.gather(*(one.healthy(self._paths[name]) for name, one in named.items()))
        components: dict[str, ComponentStatus] = {
            name: "healthy" if healthy else "unhealthy" for name, healthy in zip(named, results, strict=True)
        }
        components["redis"] = self._redis_status()
        return components

    def _redis_status(self) -> ComponentStatus:
        redis = self._cache.redis
        if redis is None:
            return "disabled"
        return "healthy" if redis.up else "unhealthy"


def overall(
    components: Mapping[str, ComponentStatus], essential: AbstractSet[str]
) -> Literal["healthy", "degraded", "unhealthy"]:
    """Unhealthy when no new aggregate could be served, degraded when anything else is missing."""
    if essential and all(components[name] == "unhealthy" for name in essential):
        return "unhealthy"
    return "degraded" if "unhealthy" in components.values() else "healthy"
