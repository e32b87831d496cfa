"""The gateway's composition root: the only place that knows all its parts."""

from collections.abc import Sequence
from typing import Any, Final

from sanic import Sanic

from bff.aggregates import AGGREGATES
from bff.aggregates.kind import AggregateKind
from bff.endpoints.aggregates import AggregateEndpoint
from bff.endpoints.cache_stats import CacheStats
from bff.endpoints.health import Health
from bff.endpoints.index import index
from bff.settings import GatewaySettings
from bff.upstreams import Transports, build_upstreams
from shared.app import Resource, build_app
from shared.cache.build import build_cache
from shared.cache.cache import Cache
from shared.upstream.transport import Session

SERVICE: Final = "api-gateway"


def create_app(
    settings: GatewaySettings,
    *,
    transports: Transports | None = None,
    cache: Cache | None = None,
    kinds: Sequence[AggregateKind] = AGGREGATES,
) -> Sanic[Any, Any]:
    """The gateway for ``settings``; ``transports``, ``cache`` and ``kinds`` are the seams where tests put their own."""
    resources: list[Resource] = []
    if transports is None:
        session = Session()
        resources.append(session)
        transports = Transports(
            users=session.transport(settings.user_service_url),
            orders=session.transport(settings.order_service_url),
            products=session.transport(settings.product_service_url),
        )
    if cache is None:
        cache = build_cache(settings.redis_url, settings.cache_memory_entries)
    resources.append(cache)
    upstreams = build_upstreams(settings, transports)
    return build_app(
        SERVICE,
        settings,
        resources=resources,
        routes=[
            index(SERVICE, tuple(kinds)),
            *(AggregateEndpoint(kind, settings, cache, upstreams).routes for kind in kinds),
            Health(SERVICE, upstreams, cache, settings.upstream_health_path).routes,
            CacheStats(cache).routes,
        ],
    )
