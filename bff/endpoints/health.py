"""``GET /health``: the status of every component, and of the whole."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, Literal

import msgspec
from sanic import HTTPResponse, Request, Sanic

import shared
from shared.cache.cache import Cache
from shared.cache.near import Trust
from shared.edge import access
from shared.edge.edge import Edge
from shared.http import routing
from shared.http.openapi.operation import Answer, Operation, example_of
from shared.http.openapi.vocabulary import CACHE_CONTROL, EXAMPLE_TIME, OPERATIONS
from shared.memoized import Memoized
from shared.timestamps import TimestampText, rfc3339
from shared.upstream.logical import InstanceHealth, Upstream

ComponentStatus = Literal["healthy", "unhealthy", "disabled"]

Overall = Literal["healthy", "degraded", "unhealthy"]

REMEMBERED_SECONDS = 1.0
_NO_STORE: Final = {"Cache-Control": "no-store"}


class CacheHealth(msgspec.Struct, frozen=True):
    """Where answers are kept: without Redis the memory tier stands in, so that there is always a cache."""

    type: Literal["redis", "in_memory"]
    status: Literal["healthy", "degraded"]


class HealthReport(msgspec.Struct, frozen=True):
    """The gateway, each service, Redis and the cache; unhealthy is when nothing new could be served.

    A service is healthy while at least half of its instances are.
    """

    status: Overall
    service: str
    version: str
    timestamp: TimestampText
    services: Mapping[str, ComponentStatus]
    instances: Mapping[str, InstanceHealth]
    cache: CacheHealth


class HealthSummary(msgspec.Struct, frozen=True):
    """The whole alone, for those who are not told of its components."""

    status: Overall
    service: str


class Health:
    """Checks all components at once, each within a second, and remembers the result for another."""

    def __init__(
        self,
        service: str,
        upstreams: Mapping[str, Upstream],
        cache: Cache,
        paths: Mapping[str, str],
        essential: AbstractSet[str],
        *,
        edge: Edge,
    ) -> None:
        """``paths`` has what each upstream is asked for; ``essential`` names those without which nothing is served.

        ``edge`` knows who may see components.
        """
        self._edge = edge
        self._service = service
        self._upstreams = upstreams
        self._cache = cache
        self._paths = paths
        self._essential = essential
        self._components = Memoized(self._check, REMEMBERED_SECONDS)

    def routes(self, app: Sanic[Any, Any]) -> None:
        """GET and HEAD of ``/health``."""
        routing.get(app, "/health", self._answer, "health", self._operation())

    async def _answer(self, request: Request) -> HTTPResponse:
        components, instances = await self._components()
        # Blind, the memory tier is not asked: each hit costs a round trip.
        blind = components["redis"] == "healthy" and self._cache.trust is Trust.BLIND
        report = self._report(components, instances, time.time(), blind=blind)
        caller = request.ctx.exchange.caller
        told = report if self._edge.allows(caller, access.OPERATIONS) else HealthSummary(report.status, report.service)
        return routing.struct_response(told, 503 if report.status == "unhealthy" else 200, _NO_STORE)

    def _report(
        self,
        components: Mapping[str, ComponentStatus],
        instances: Mapping[str, InstanceHealth],
        now: float,
        *,
        blind: bool,
    ) -> HealthReport:
        status = overall(components, self._essential)
        return HealthReport(
            "degraded" if blind and status == "healthy" else status,
            self._service,
            shared.__version__,
            rfc3339(now),
            components,
            instances,
            CacheHealth(
                "redis" if components["redis"] == "healthy" else "in_memory", "degraded" if blind else "healthy"
            ),
        )

    def _operation(self) -> Operation:
        serves, fails = "It can serve: healthy, or degraded when something is missing.", "It can serve nothing new."
        described = [*self._described(200, serves, "healthy"), *self._described(503, fails, "unhealthy")]
        return Operation("How every component is", OPERATIONS, described, operational=True, polled=True)

    def _described(self, status: int, description: str, components: ComponentStatus) -> Iterator[Answer]:
        counted = InstanceHealth(2 if components == "healthy" else 0, 2)
        report = self._report(
            dict.fromkeys([*self._upstreams, "redis"], components),
            dict.fromkeys(self._upstreams, counted),
            EXAMPLE_TIME,
            blind=False,
        )
        yield Answer(status, description, HealthReport, headers=(CACHE_CONTROL,), examples=example_of(report))
        if self._edge.asks:
            whole = "The whole alone, for those who may not see more."
            yield Answer(status, whole, HealthSummary, headers=(CACHE_CONTROL,))

    async def _check(self) -> tuple[Mapping[str, ComponentStatus], Mapping[str, InstanceHealth]]:
        named = self._upstreams
        results = await asyncio.gather(*(one.health(self._paths[name]) for name, one in named.items()))
        instances = dict(zip(named, results, strict=True))
        components: dict[str, ComponentStatus] = {
            name: "healthy" if found.suffices else "unhealthy" for name, found in instances.items()
        }
        redis = self._cache.redis
        components["redis"] = "disabled" if redis is None else "healthy" if redis.up else "unhealthy"
        return components, instances


def overall(components: Mapping[str, ComponentStatus], essential: AbstractSet[str]) -> Overall:
    """Unhealthy when no new aggregate could be served, degraded when anything else is missing."""
    if essential and all(components[name] == "unhealthy" for name in essential):
        return "unhealthy"
    return "degraded" if "unhealthy" in components.values() else "healthy"
