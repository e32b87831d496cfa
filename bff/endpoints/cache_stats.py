"""``GET /api/cache/stats``: figures of both cache tiers, of all workers; concurrent requests share one rendering."""

import time
from collections.abc import Mapping
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic

from bff.endpoints.cache_figures import EXAMPLE, CacheFigures, MemoryFigures, RedisFigures, Tiers
from shared import codec
from shared.cache.cache import Cache
from shared.cache.redis_client import Size
from shared.edge import access
from shared.http import routing
from shared.http.cost_limit import TOO_MANY, CostLimited
from shared.http.openapi.operation import JSON, Answer, Operation, example_of
from shared.http.openapi.vocabulary import CACHE_CONTROL, OPERATIONS
from shared.observing import metrics

_SAMPLES: Final = {
    "cache_hits_total": "cache_type",
    "cache_misses_total": "cache_type",
    "cache_tier_up": "cache_type",
    "cache_coalesced_total": "scope",
    "aggregate_parts_total": "status",
    "cache_memory_entries": "",
    "cache_memory_bytes": "",
    "cache_coherent": "",
    "cache_invalidations_total": "",
    "cache_early_refreshes_total": "",
    "cache_unreadable_total": "",
    "cache_redis_lag_seconds": "",
}
"""Each sample that is shown, with the label that tells its values apart."""

_OPERATION: Final = Operation(
    "The cache in figures",
    OPERATIONS,
    (
        Answer(
            200,
            "Both tiers, of all workers together.",
            CacheFigures,
            headers=(CACHE_CONTROL,),
            examples=example_of(EXAMPLE),
        ),
    ),
    problems=(TOO_MANY,),
    access=access.OPERATIONS,
    operational=True,
)


class CacheStats:
    """The figures, taken from the metrics so that both always agree."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._limited: CostLimited[str, bytes] = CostLimited(self._render)

    def routes(self, app: Sanic[Any, Any]) -> None:
        """GET and HEAD of ``/api/cache/stats``."""
        routing.get(app, "/api/cache/stats", self._answer, "cache_stats", _OPERATION)

    async def _answer(self, _request: Request) -> HTTPResponse:
        return routing.encoded_response(await self._limited(JSON), headers={"Cache-Control": "no-store"})

    async def _render(self, forms: frozenset[str]) -> tuple[Mapping[str, bytes], float]:
        redis = self._cache.redis
        size = None if redis is None else await redis.size()
        started = time.thread_time()
        totals = metrics.totals(_SAMPLES)
        body = codec.encode(CacheFigures(Tiers(self._memory(totals), self._redis(totals, size))))
        return dict.fromkeys(forms, body), time.thread_time() - started

    def _memory(self, totals: Mapping[tuple[str, str], float]) -> MemoryFigures:
        redis_up = totals.get(("cache_tier_up", "redis"), 0) > 0
        coherent = totals.get(("cache_coherent", ""), 0) > 0
        return MemoryFigures(
            state="coherent" if coherent else "blind" if redis_up else "alone",
            entries=_integer(totals, "cache_memory_entries"),
            bytes=_integer(totals, "cache_memory_bytes"),
            **_lookups(totals, "memory"),
            coalesced=_integer(totals, "cache_coalesced_total", "process"),
            early_refreshes=_integer(totals, "cache_early_refreshes_total"),
            stale_parts_served=_integer(totals, "aggregate_parts_total", "stale"),
            invalidations=_integer(totals, "cache_invalidations_total"),
        )

    def _redis(self, totals: Mapping[tuple[str, str], float], size: Size | None) -> RedisFigures:
        redis = self._cache.redis
        return RedisFigures(
            state="disabled" if redis is None else "up" if redis.up else "down",
            entries=None if size is None else size.keys,
            bytes=None if size is None else size.bytes,
            **_lookups(totals, "redis"),
            coalesced=_integer(totals, "cache_coalesced_total", "redis"),
            unreadable=_integer(totals, "cache_unreadable_total"),
            lag_ms=round(totals.get(("cache_redis_lag_seconds", ""), 0.0) * 1000, 3) if size is not None else None,
        )


def _integer(totals: Mapping[tuple[str, str], float], name: str, label: str = "") -> int:
    return int(totals.get((name, label), 0))


def _lookups(totals: Mapping[tuple[str, str], float], tier: str) -> dict[str, Any]:
    hits, misses = _integer(totals, "cache_hits_total", tier), _integer(totals, "cache_misses_total", tier)
    ratio = round(hits / (hits + misses), 4) if hits + misses else None
    return {"hits": hits, "misses": misses, "hit_ratio": ratio}
