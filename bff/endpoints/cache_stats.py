"""``GET /api/cache/stats``: both tiers in figures, of all workers together."""

from collections.abc import Mapping
from typing import Any

from sanic import HTTPResponse, Request, Sanic

from shared import metrics, routing
from shared.cache.cache import Cache

_NAMES = ("cache_hits_total", "cache_misses_total", "cache_memory_entries", "cache_memory_bytes")


class CacheStats:
    """The figures, taken from the metrics so that both always agree."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def routes(self, app: Sanic[Any, Any]) -> None:
        """GET and HEAD of ``/api/cache/stats``."""
        routing.get(app, "/api/cache/stats", self._answer, "cache_stats")

    async def _answer(self, _request: Request) -> HTTPResponse:
        totals = metrics.totals(_NAMES)
        memory = {
            "state": "up",
            "entries": int(totals.get(("cache_memory_entries", ""), 0)),
            "bytes": int(totals.get(("cache_memory_bytes", ""), 0)),
            **_lookups(totals, "memory"),
        }
        document = {"tiers": {"memory": memory, "redis": await self._redis(totals)}}
        return routing.json_response(document, Cache_Control="no-store")

    async def _redis(self, totals: Mapping[tuple[str, str], float]) -> dict[str, object]:
        redis = self._cache.redis
        size = None if redis is None else await redis.size()
        state = "disabled" if redis is None else "up" if redis.up else "down"
        entries, used = size or (None, None)
        return {"state": state, "entries": entries, "bytes": used, **_lookups(totals, "redis")}


def _lookups(totals: Mapping[tuple[str, str], float], tier: str) -> dict[str, object]:
    hits = int(totals.get(("cache_hits_total", tier), 0))
    misses = int(totals.get(("cache_misses_total", tier), 0))
    ratio = round(hits / (hits + misses), 4) if hits + misses else None
    return {"hits": hits, "misses": misses, "hit_ratio": ratio}
