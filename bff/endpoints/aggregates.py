"""The endpoint of an aggregate in one representation: served from the cache, or loaded, and stored when complete."""

import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Final, NamedTuple

import msgspec

from bff.answer import Answer, compose
from bff.cache_status import CacheStatus
from bff.endpoints.aggregate_operation import VIEW
from bff.parts.part import STATUSES, Aggregate
from bff.parts.sources import PartSources, Sources
from bff.representation import Representation
from bff.settings import GatewaySettings
from shared import ids
from shared.cache.cache import Cache, Value
from shared.cache.entry import Entry
from shared.cache.loader import Loading, LoadResult, Outcome, ReadThrough
from shared.cache.progress import Listen
from shared.deadline import Deadline
from shared.edge.form import Form
from shared.errors import DeclarationError, NotFound, RequestError
from shared.http.coded_body import NO_BODY, CodedBody
from shared.http.conditional import matches
from shared.http.early_routes import VARY, EarlyRoute, ReadyResponse, Response, coded_as
from shared.http.exchange import Exchange
from shared.http.load_shedder import LoadShedder
from shared.observing import metrics
from shared.upstream.timeout import MIN_ATTEMPT_SECONDS

_MEMORY_HIT: Final = "memory hit"
_BOTH: Final = (True, False)


class BuiltAnswer(msgspec.Struct, frozen=True):
    """What a load gave: an answer or an error for the client, and how it went."""

    answer: Answer | RequestError
    fresh_until: float
    facts: dict[str, object]
    timing: str
    body: CodedBody = NO_BODY
    tags: tuple[str, ...] = ()


class Document(NamedTuple):
    """A document.

    Attributes:
        body: as JSON.
        etag: its entity tag; None where it is not whole.
        tags: by which it is outdated.
    """

    body: bytes
    etag: str | None
    tags: Sequence[str]


class AggregateEndpoint:
    """Answers with one representation of a kind; ``through`` is shared by all."""

    def __init__(
        self,
        representation: Representation,
        *,
        settings: GatewaySettings,
        cache: Cache,
        through: ReadThrough[BuiltAnswer],
        sources: PartSources,
        shedder: LoadShedder,
    ) -> None:
        self.representation = representation
        self._kind = kind = representation.kind
        self._names = [part.name for part in representation.parts]
        self._wanted = frozenset(self._names)
        self._optional = {part.name for part in kind.optional}
        self._settings = settings
        self._cache = cache
        self._through = through
        self._sources = sources
        self._shedder = shedder
        self._key_prefix = cache.keys.entry_prefix(representation.cache_kind)
        self.ttl = representation.ttl(settings.cache_ttl)
        self._facts = {"view": representation.view} if representation.view else {}
        self._log_hits = settings.log_hits / 100
        self._label = kind.label
        self._part_counters = {
            (part, status): metrics.aggregate_parts.labels(self._label, part, status)
            for part, status in product(self._names, STATUSES)
        }

    def early_route(self) -> EarlyRoute:
        """What is answered early: everything that is asked for by a plain request."""
        return EarlyRoute(
            path=f"{self._kind.path}/",
            query=f"?{VIEW}={self.representation.view}" if self.representation.view else "",
            label=self._label,
            is_id=None if self._kind.id_type is ids.TEXT else self._kind.id_type.has,
            ready=self._ready,
            count_hits=self._cache.count_near_hits,
            facts={"cache": _MEMORY_HIT, **self._facts},
            respond=self.answer,
            log_share=self._log_hits,
            access=self._kind.access,
        )

    def _ready(self, identifier: str) -> ReadyResponse | None:
        now = self._cache.clock()
        entry = self._through.peek(f"{self._key_prefix}{identifier}}}", now)
        if entry is None or not isinstance(ready := entry.decoded, ReadyResponse):  # nothing, or a 404
            return None
        if now >= ready.headers_until:
            times = _Lifetime.of(entry, now)
            ready.set_headers(
                {shown: (("ETag", ready.etag), ("Cache-Control", times.cache_control(shown))) for shown in _BOTH},
                [("Cache-Status", CacheStatus(self._cache).hit_in_memory(times.left)), ("Age", str(times.age))],
                until=entry.fresh_until - times.left,
            )
        return ready

    async def answer(self, identifier: str, if_none_match: str | None, exchange: Exchange) -> Response:
        """The answer for an id and an ``If-None-Match``; what goes wrong is raised."""
        status = CacheStatus(self._cache)
        outcome = await self._find(identifier, exchange)
        if outcome.entry is None:
            return self._from_load(if_none_match, exchange, outcome, status)
        is_near = exchange.facts["cache"] == _MEMORY_HIT
        return self._from_cache(
            if_none_match, exchange, outcome.entry, status.hit_in_memory if is_near else status.hit_in_redis
        )

    async def document(self, identifier: str, exchange: Exchange, listen: Listen | None = None) -> Document:
        """The document of an id; what goes wrong is raised.

        ``listen`` is told of each part that becomes known before the end of a load.
        """
        outcome = await self._find(identifier, exchange, listen)
        if outcome.entry is not None:
            return self._kept_document(identifier, outcome.entry)
        made = _loaded(outcome)
        exchange.facts |= made.facts
        if isinstance(made.answer, RequestError):
            raise made.answer.with_traceback(None)
        return self._document(identifier, made.answer.body, made.answer.etag, made.tags)

    def key(self, identifier: str) -> str:
        """Under which the document of an id is kept."""
        return f"{self._key_prefix}{identifier}}}"

    def kept(self, identifier: str) -> Entry | None:
        """What memory has of an id, if that is current; not counted."""
        return self._cache.peek_near(self.key(identifier), self._cache.clock())

    async def look(self, identifier: str) -> Document | None:
        """What the cache has of an id, if that is current; nobody is asked for it, and nothing counted.

        Raises:
            NotFound: that there is no such thing.
        """
        entry = self.kept(identifier) or (await self._cache.lookup_redis(self.key(identifier), count=False)).entry
        return None if entry is None else self._kept_document(identifier, entry)

    def _kept_document(self, identifier: str, entry: Entry) -> Document:
        if not isinstance(ready := entry.decoded, ReadyResponse):
            raise NotFound(str(ready))
        return self._document(identifier, ready.body, ready.etag, entry.tags)

    def _document(self, identifier: str, body: bytes, etag: str | None, further: Sequence[str]) -> Document:
        return Document(body, etag, self._cache.keys.tags(self.key(identifier), further))

    async def _find(self, identifier: str, exchange: Exchange, listen: Listen | None = None) -> Outcome[BuiltAnswer]:
        """What there is; the line of the ``exchange`` will tell where it was found."""
        exchange.facts |= self._facts
        key = f"{self._key_prefix}{identifier}}}"
        load = partial(self._load, identifier, key)
        entry = self._through.near(key, load)
        if entry is not None:
            exchange.facts["cache"] = _MEMORY_HIT
            exchange.logged = self._log_hits >= 1 or random.random() < self._log_hits  # noqa: S311 - a sample
            return Outcome(entry, None, asked_redis=False)
        with self._shedder:  # hits in memory have been served already, however much there is to do
            deadline = Deadline(exchange.started + self._settings.request_budget)
            outcome = await self._through.get(key, deadline, load, listen)
        if outcome.entry is not None:
            exchange.facts["cache"] = "redis hit"
        else:
            exchange.facts["cache"] = "collapsed" if outcome.joined else "miss"
        return outcome

    def _from_cache(
        self, if_none_match: str | None, exchange: Exchange, entry: Entry, status: Callable[[int], str]
    ) -> Response:
        times = _Lifetime.of(entry, self._cache.clock())
        exchange.diagnostics["Cache-Status"] = status(times.left)
        exchange.diagnostics["Age"] = str(times.age)
        answer = entry.decoded
        if not isinstance(answer, ReadyResponse):
            raise NotFound(str(answer))
        exchange.diagnostics["Server-Timing"] = f"total;dur={exchange.elapsed() * 1000:.3f}"
        form = exchange.form
        cache_control = times.cache_control(form.shows_diagnostics)
        return _conditional(if_none_match, answer.coded_body, form, answer.etag, cache_control)

    def _from_load(
        self, if_none_match: str | None, exchange: Exchange, outcome: Outcome[BuiltAnswer], status: CacheStatus
    ) -> Response:
        made = _loaded(outcome)
        left = max(0, int(made.fresh_until - self._cache.clock()))
        exchange.diagnostics["Cache-Status"] = status.missed(outcome, left)
        exchange.facts |= made.facts
        if isinstance(made.answer, RequestError):
            raise made.answer.with_traceback(None)
        exchange.diagnostics["Server-Timing"] = made.timing
        answer, form = made.answer, exchange.form
        if answer.etag is None:
            of_coding, body = coded_as(made.body, form)
            return Response(200, {"Cache-Control": "no-store", **of_coding}, body)
        return _conditional(if_none_match, made.body, form, answer.etag, _cache_control(left))

    async def _load(self, identifier: str, key: str, loading: Loading) -> LoadResult[BuiltAnswer]:
        sources = self._sources.of(loading, self._wanted)
        asked_at = self._cache.clock()
        started = time.monotonic()
        try:
            aggregate = self._existing(await self._kind.load(identifier, sources))
        except NotFound as absent:
            return self._not_found(key, absent, asked_at)
        except RequestError as nothing:
            return LoadResult(BuiltAnswer(nothing, 0.0, {}, ""), sources.values, cut_short=_is_over(loading.deadline))
        finally:
            duration = time.monotonic() - started
            metrics.aggregation_duration.observe(duration)
        return self._complete(identifier, aggregate, sources, asked_at, duration)

    def _existing(self, aggregate: Aggregate) -> Aggregate:
        for name, part in aggregate.parts.items():
            if part.value is None and part.is_absent and name not in self._optional:
                raise NotFound(f"There is no such {self._kind.subject}.")
        return aggregate

    def _check(self, aggregate: Aggregate) -> None:
        if aggregate.parts.keys() != self._kind.readers.keys():
            given, declared = ", ".join(aggregate.parts), ", ".join(self._kind.readers)
            raise DeclarationError(
                f"aggregate {self._kind.name!r}: it is loaded with {given}, and declared with {declared}"
            )

    def _complete(
        self, identifier: str, aggregate: Aggregate, sources: Sources, asked_at: float, duration: float
    ) -> LoadResult[BuiltAnswer]:
        if [*aggregate.parts] != self._names:
            self._check(aggregate)
            aggregate = aggregate.only(self._names)
        statuses = {name: part.status for name, part in aggregate.parts.items()}
        for delivered in statuses.items():
            self._part_counters[delivered].inc()
        timings = [f"{name};dur={part.duration * 1000:.1f}" for name, part in aggregate.parts.items()]
        timing = ", ".join([*timings, f"total;dur={duration * 1000:.1f}"])
        facts = self.representation.facts(identifier, {name: part.value for name, part in aggregate.parts.items()})
        ttl = self.ttl
        write = self.representation.write
        answer = compose(aggregate, facts, ttl=ttl, duration=duration, now=time.time(), write=write)
        values, tags = sources.values, sources.loading.further_tags
        fresh_until = min(aggregate.fresh_until, asked_at + ttl)
        if answer.etag is not None:
            ready = ReadyResponse(answer.etag, answer.cached_body)
            # The last to be placed is the last to go where there is hardly any room.
            key = f"{self._key_prefix}{identifier}}}"
            values = [*values, Value(key, ready.body, fresh_until - ttl, ttl, cost=duration, decoded=ready, tags=tags)]
        made = BuiltAnswer(answer, fresh_until, {"parts": statuses}, timing, CodedBody(answer.body), tags)
        return LoadResult(made, values, cut_short=answer.etag is None and _is_over(sources.loading.deadline))

    def _not_found(self, key: str, absent: NotFound, asked_at: float) -> LoadResult[BuiltAnswer]:
        """Nothing else is kept that was loaded for somebody who does not exist."""
        ttl = self._settings.cache_negative_ttl
        sentence = absent.detail
        values = [Value(key, sentence.encode(), asked_at, ttl, decoded=sentence, negative=True)] if ttl else []
        return LoadResult(BuiltAnswer(absent, asked_at + ttl, {}, ""), values)


class _Lifetime(NamedTuple):
    """The whole life of an answer and what is left of it, in whole seconds (RFC 9111 §4.2)."""

    life: int
    left: int

    @classmethod
    def of(cls, entry: Entry, now: float) -> "_Lifetime":
        """Those of ``entry``; nothing more is left than that."""
        life = max(0, int(entry.fresh_until - entry.stored_at))
        return cls(life, min(life, max(0, int(entry.fresh_until - now))))

    @property
    def age(self) -> int:
        """What is left is the life less this, to the second."""
        return self.life - self.left

    def cache_control(self, shows_age: bool) -> str:
        """How long a client may keep it: as long as its life less its age, which whoever is not told need not know."""
        return _cache_control(self.life if shows_age else self.left)


def _loaded(outcome: Outcome[BuiltAnswer]) -> BuiltAnswer:
    if outcome.loaded is None:
        raise AssertionError("an outcome has an entry or something that was loaded")
    return outcome.loaded


def _is_over(deadline: Deadline) -> bool:
    """Whether a load that gave less than it might ended because its time did."""
    return deadline.left() < MIN_ATTEMPT_SECONDS


def _cache_control(max_age: int) -> str:
    return f"private, max-age={max_age}"


def _conditional(if_none_match: str | None, body: CodedBody, form: Form, etag: str, cache_control: str) -> Response:
    fields = {"ETag": etag, "Cache-Control": cache_control}
    if matches(if_none_match, etag):
        return Response(304, {**fields, **VARY}, b"")
    of_coding, data = coded_as(body, form)
    return Response(200, {**fields, **of_coding}, data)
