"""Serves any kind of aggregate: from the cache when it can, else put together, kept when complete."""

import random
import time
from functools import partial
from itertools import product
from typing import Any, Final

import msgspec
from sanic import HTTPResponse, Request, Sanic
from sanic.response import raw

from bff.aggregates.kind import AggregateKind
from bff.answer import Answer, StoredAnswer, compose
from bff.cache_status import CacheStatus
from bff.parts.part import STATUSES, Aggregate
from bff.settings import GatewaySettings
from bff.sources import PartSources, Sources
from shared import ids, metrics, routing
from shared.cache.cache import Cache, Value
from shared.cache.entry import Entry
from shared.cache.loader import Loaded, Outcome, ReadThrough
from shared.conditional import matches
from shared.deadline import Deadline
from shared.declared import Declared, Given, Ready
from shared.errors import NotFound, RequestError
from shared.exchange import Exchange
from shared.overload import Gate

_MEMORY_HIT: Final = "memory hit"


class Made(msgspec.Struct, frozen=True):
    """What a load gave: an answer or an error for the client, and how it went."""

    answer: Answer | RequestError
    fresh_until: float
    facts: dict[str, object]
    timing: str


class AggregateEndpoint:
    """One kind of aggregate as a route; ``through`` is shared with whatever purges."""

    def __init__(
        self,
        kind: AggregateKind,
        *,
        settings: GatewaySettings,
        cache: Cache,
        through: ReadThrough[Made],
        sources: PartSources,
        gate: Gate,
    ) -> None:
        self._kind = kind
        self._settings = settings
        self._cache = cache
        self._through = through
        self._sources = sources
        self._gate = gate
        self._log_hits = settings.log_hits / 100
        self._label = f"{kind.path}/<{kind.parameter}>"
        self._delivered = {
            (part, status): metrics.aggregate_parts.labels(self._label, part, status)
            for part, status in product(kind.parts, STATUSES)
        }

    def routes(self, app: Sanic[Any, Any]) -> None:
        """GET and HEAD of the kind's path followed by an id."""
        routing.get(app, f"{self._kind.path}/<{self._kind.parameter}:str>", self._answer, self._kind.name)

    def declared(self) -> Declared:
        """What is answered early: everything that is asked for by a plain request."""
        return Declared(
            path=f"{self._kind.path}/",
            label=self._label,
            at_hand=self._at_hand,
            given=self._cache.count_near_hits,
            facts={"cache": _MEMORY_HIT},
            make=self._give,
            log_share=self._log_hits,
        )

    def _at_hand(self, identifier: str) -> Ready | None:
        entry = self._through.at_hand(self._cache.keys.entry(self._kind.name, identifier))
        if entry is None:
            return None
        ready = entry.ready
        if not isinstance(ready, Ready):
            stored = StoredAnswer.of(entry)
            if stored is None or stored.status != 200:
                return None
            ready = entry.ready = Ready(stored.etag, stored.body)
        now = self._cache.clock()
        if now >= ready.until:
            age, left = _age(entry, now), _left(entry, now)
            ready.tell(
                [("ETag", ready.etag), ("Cache-Control", _cache_control(left))],
                [("Cache-Status", CacheStatus(self._cache).hit_in_memory(entry)), ("Age", str(age))],
                until=min(entry.stored_at + age + 1, entry.fresh_until - left),
            )
        return ready

    async def _answer(self, request: Request, **parameters: str) -> HTTPResponse:
        identifier = ids.checked(self._kind.parameter, parameters[self._kind.parameter])
        given = await self._give(identifier, request.headers.get("if-none-match"), request.ctx.exchange)
        if given.status == 304:
            return HTTPResponse(status=304, headers=given.fields)
        return raw(given.body, headers=given.fields, content_type="application/json")

    async def _give(self, identifier: str, if_none_match: str | None, exchange: Exchange) -> Given:
        key = self._cache.keys.entry(self._kind.name, identifier)
        load = partial(self._load, identifier, key)
        status = CacheStatus(self._cache)
        entry = self._through.near(key, load)
        stored = None if entry is None else StoredAnswer.of(entry)
        if entry is not None and stored is not None:
            exchange.facts["cache"] = _MEMORY_HIT
            exchange.logged = self._log_hits >= 1 or random.random() < self._log_hits  # noqa: S311 - a sample
            return self._from_cache(if_none_match, exchange, entry, stored, status.hit_in_memory(entry))
        with self._gate:  # hits in memory have been served already, however much there is to do
            deadline = Deadline(exchange.started + self._settings.request_budget)
            outcome = await self._through.get(key, deadline, load)
        if outcome.entry is not None:
            stored = StoredAnswer.of(outcome.entry)
            if stored is None:
                raise TypeError("an entry of another form stands under a key of ours")
            exchange.facts["cache"] = "redis hit"
            return self._from_cache(if_none_match, exchange, outcome.entry, stored, status.hit_in_redis(outcome.entry))
        exchange.facts["cache"] = "collapsed" if outcome.joined else "miss"
        return self._as_made(if_none_match, exchange, outcome, status)

    def _from_cache(
        self, if_none_match: str | None, exchange: Exchange, entry: Entry, stored: StoredAnswer, status: str
    ) -> Given:
        now = self._cache.clock()
        exchange.headers["Cache-Status"] = status
        exchange.headers["Age"] = str(_age(entry, now))
        if stored.status == 404:
            raise NotFound(stored.body.decode())
        exchange.headers["Server-Timing"] = f"total;dur={exchange.elapsed() * 1000:.3f}"
        return _conditional(if_none_match, stored.body, stored.etag, _left(entry, now))

    def _as_made(
        self, if_none_match: str | None, exchange: Exchange, outcome: Outcome[Made], status: CacheStatus
    ) -> Given:
        made = outcome.loaded
        if made is None:
            raise AssertionError("an outcome has an entry or something that was loaded")
        left = max(0, int(made.fresh_until - self._cache.clock()))
        exchange.headers["Cache-Status"] = status.missed(outcome, left)
        exchange.facts |= made.facts
        if isinstance(made.answer, RequestError):
            raise made.answer.with_traceback(None)
        exchange.headers["Server-Timing"] = made.timing
        if made.answer.etag is None:
            return Given(200, {"Cache-Control": "no-store"}, made.answer.body)
        return _conditional(if_none_match, made.answer.body, made.answer.etag, left)

    async def _load(self, identifier: str, key: str, deadline: Deadline, early: bool) -> Loaded[Made]:
        sources = self._sources.until(deadline, renew=early)
        started = time.monotonic()
        try:
            aggregate = await self._kind.load(identifier, sources)
        except NotFound as absent:
            return self._absent(key, absent, sources)
        except RequestError as nothing:
            return Loaded(Made(nothing, 0.0, {}, ""), sources.values)
        finally:
            duration = time.monotonic() - started
            metrics.aggregation_duration.observe(duration)
        return self._complete(key, aggregate, sources, duration)

    def _complete(self, key: str, aggregate: Aggregate, sources: Sources, duration: float) -> Loaded[Made]:
        statuses = {name: part.status for name, part in aggregate.parts.items()}
        for delivered in statuses.items():
            if delivered not in self._delivered:  # of a part that its kind has not named
                self._delivered[delivered] = metrics.aggregate_parts.labels(self._label, *delivered)
            self._delivered[delivered].inc()
        timings = [f"{name};dur={part.duration * 1000:.1f}" for name, part in aggregate.parts.items()]
        timing = ", ".join([*timings, f"total;dur={duration * 1000:.1f}"])
        answer = compose(aggregate, ttl=self._settings.cache_ttl, duration=duration, now=time.time())
        values = sources.values
        fresh_until = aggregate.fresh_until
        if answer.etag is not None:
            stored = StoredAnswer(200, answer.etag, answer.cached_body)
            fresh = fresh_until - self._cache.clock()
            values = [Value(key, stored.to_bytes(), fresh, cost=duration), *values]
        return Loaded(Made(answer, fresh_until, {"parts": statuses}, timing), values)

    def _absent(self, key: str, absent: NotFound, sources: Sources) -> Loaded[Made]:
        ttl = self._settings.cache_negative_ttl
        stored = StoredAnswer(404, "", absent.detail.encode())
        values = [Value(key, stored.to_bytes(), ttl)] if ttl else []
        return Loaded(Made(absent, self._cache.clock() + ttl, {}, ""), [*values, *sources.values])


def _age(entry: Entry, now: float) -> int:
    return max(0, int(now - entry.stored_at))


def _left(entry: Entry, now: float) -> int:
    return max(0, int(entry.fresh_until - now))


def _cache_control(max_age: int) -> str:
    return f"private, max-age={max_age}"


def _conditional(if_none_match: str | None, body: bytes, etag: str, max_age: int) -> Given:
    fields = {"ETag": etag, "Cache-Control": _cache_control(max_age)}
    return Given(304, fields, b"") if matches(if_none_match, etag) else Given(200, fields, body)
