"""Serves any kind of aggregate: from the cache when it can, else put together, kept when complete."""

import time
from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic.response import raw

from bff.aggregates.kind import AggregateKind
from bff.answer import Answer, StoredAnswer, compose, matches
from bff.parts import Aggregate
from bff.settings import GatewaySettings
from bff.upstreams import Upstreams
from shared import ids, metrics, routing
from shared.cache.cache import Cache, Lookup
from shared.cache.keys import key
from shared.deadline import Deadline
from shared.errors import NotFound
from shared.exchange import Exchange


class AggregateEndpoint:
    """One kind of aggregate as a route."""

    def __init__(self, kind: AggregateKind, settings: GatewaySettings, cache: Cache, upstreams: Upstreams) -> None:
        self._kind = kind
        self._settings = settings
        self._cache = cache
        self._upstreams = upstreams
        self._label = f"{kind.path}/<{kind.parameter}>"

    def routes(self, app: Sanic[Any, Any]) -> None:
        """GET and HEAD of the kind's path followed by an id."""
        routing.get(app, f"{self._kind.path}/<{self._kind.parameter}:str>", self._answer, self._kind.name)

    async def _answer(self, request: Request, **parameters: str) -> HTTPResponse:
        identifier = ids.checked(self._kind.parameter, parameters[self._kind.parameter])
        exchange: Exchange = request.ctx.exchange
        cache_key = key(self._kind.name, identifier)
        lookup = await self._cache.get(cache_key)
        stored = None if lookup.entry is None else StoredAnswer.from_bytes(lookup.entry.value)
        if stored is not None:
            exchange.facts["cache"] = f"{lookup.tier} hit"
            return self._from_cache(request, exchange, lookup, stored)
        exchange.facts["cache"] = f"{lookup.tier} miss"
        return await self._from_upstreams(request, exchange, cache_key, identifier, lookup)

    def _from_cache(self, request: Request, exchange: Exchange, lookup: Lookup, stored: StoredAnswer) -> HTTPResponse:
        entry = lookup.entry
        if entry is None:
            raise AssertionError("a hit has an entry")
        now = time.time()
        left = max(0, int(entry.fresh_until - now))
        exchange.headers["Cache-Status"] = f"{lookup.tier}; hit; ttl={left}"
        exchange.headers["Age"] = str(max(0, int(now - entry.stored_at)))
        if stored.status == 404:
            raise NotFound(stored.body.decode())
        exchange.headers["Server-Timing"] = f"total;dur={exchange.elapsed() * 1000:.2f}"
        return _conditional(request, stored.body, stored.etag, left)

    async def _from_upstreams(
        self, request: Request, exchange: Exchange, cache_key: str, identifier: str, lookup: Lookup
    ) -> HTTPResponse:
        missed = f"{lookup.tier}; fwd=uri-miss"
        exchange.headers["Cache-Status"] = missed
        deadline = Deadline(exchange.started + self._settings.request_budget)
        started = time.monotonic()
        try:
            aggregate = await self._kind.load(identifier, self._upstreams, deadline)
        except NotFound as absent:
            if self._settings.cache_negative_ttl:
                kept = StoredAnswer(404, "", absent.detail.encode())
                self._cache.put(cache_key, kept.to_bytes(), self._settings.cache_negative_ttl)
                exchange.headers["Cache-Status"] = f"{missed}; stored; ttl={self._settings.cache_negative_ttl}"
            raise
        finally:
            duration = time.monotonic() - started
            metrics.aggregation_duration.observe(duration)
        self._record(exchange, aggregate, duration)
        ttl = self._settings.cache_ttl
        answer = compose(aggregate, ttl=ttl, duration=duration, now=time.time())
        if answer.etag is None:
            return raw(answer.body, headers={"Cache-Control": "no-store"}, content_type="application/json")
        self._keep(cache_key, answer, answer.etag, ttl)
        exchange.headers["Cache-Status"] = f"{missed}; stored; ttl={ttl}"
        return _conditional(request, answer.body, answer.etag, ttl)

    def _keep(self, cache_key: str, answer: Answer, etag: str, ttl: int) -> None:
        self._cache.put(cache_key, StoredAnswer(200, etag, answer.cached_body).to_bytes(), ttl)

    def _record(self, exchange: Exchange, aggregate: Aggregate, duration: float) -> None:
        statuses = {name: part.status for name, part in aggregate.parts.items()}
        exchange.facts["parts"] = statuses
        for name, status in statuses.items():
            metrics.aggregate_parts.labels(self._label, name, status).inc()
        timings = [f"{name};dur={part.duration * 1000:.1f}" for name, part in aggregate.parts.items()]
        exchange.headers["Server-Timing"] = ", ".join([*timings, f"total;dur={duration * 1000:.1f}"])


def _conditional(request: Request, body: bytes, etag: str, max_age: int) -> HTTPResponse:
    headers = {"ETag": etag, "Cache-Control": f"private, max-age={max_age}"}
    if matches(request.headers.get("if-none-match"), etag):
        return HTTPResponse(status=304, headers=headers)
    return raw(body, headers=headers, content_type="application/json")
