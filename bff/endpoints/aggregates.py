"""The endpoint of an aggregate in one representation: served from the cache, or loaded, and stored when complete."""

import random
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from bff.cache_status import CacheStatus
from bff.endpoints.aggregate_loader import AggregateLoader, BuiltAnswer
from bff.endpoints.aggregate_operation import VIEW
from bff.parts.sources import PartSources
from bff.representation import Representation
from bff.settings import GatewaySettings
from shared import ids
from shared.cache.cache import Cache
from shared.cache.entry import Entry
from shared.cache.loader import Outcome
from shared.cache.progress import Listen
from shared.cache.read_through import ReadThrough
from shared.deadline import Deadline
from shared.edge.form import Form
from shared.errors import NotFound, RequestError
from shared.http.coded_body import CodedBody
from shared.http.conditional import matches
from shared.http.early_routes import VARY, EarlyRoute, ReadyResponse, Response, coded_as
from shared.http.exchange import Exchange
from shared.http.load_shedder import LoadShedder

_MEMORY_HIT: Final = "memory hit"
_BOTH: Final = (True, False)


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
        self._kind = representation.kind
        self._settings = settings
        self._cache = cache
        self._through = through
        self._shedder = shedder
        self._key_prefix = cache.keys.entry_prefix(representation.cache_kind)
        loader = AggregateLoader(representation, settings, sources, cache.clock)
        self._load, self.ttl = loader.load, loader.ttl
        self._facts = {"view": representation.view} if representation.view else {}
        self._log_hits = settings.log_hits / 100

    def early_route(self) -> EarlyRoute:
        """What is answered early: everything that is asked for by a plain request."""
        return EarlyRoute(
            path=f"{self._kind.path}/",
            query=f"?{VIEW}={self.representation.view}" if self.representation.view else "",
            label=self._kind.label,
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
            etag = "ETag", ready.etag
            ready.set_headers(
                {shown: (etag, ("Cache-Control", times.cache_control(shown))) for shown in _BOTH},
                (("Cache-Status", CacheStatus.hit_in_memory(times.left)), ("Age", str(times.age))),
                until=entry.fresh_until - times.left,
            )
        return ready

    async def answer(self, identifier: str, if_none_match: str | None, exchange: Exchange) -> Response:
        """The answer for an id and an ``If-None-Match``; what goes wrong is raised."""
        status = CacheStatus(self._cache)
        outcome = await self._find(identifier, exchange)
        if outcome.entry is None:
            return self._from_load(if_none_match, exchange, outcome, status)
        return self._from_cache(if_none_match, exchange, outcome.entry, status)

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

    def _from_cache(self, if_none_match: str | None, exchange: Exchange, entry: Entry, status: CacheStatus) -> Response:
        times = _Lifetime.of(entry, self._cache.clock())
        hit = status.hit_in_memory if exchange.facts["cache"] == _MEMORY_HIT else status.hit_in_redis
        exchange.diagnostics["Cache-Status"] = hit(times.left)
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


def _cache_control(max_age: int) -> str:
    return f"private, max-age={max_age}"


def _conditional(if_none_match: str | None, body: CodedBody, form: Form, etag: str, cache_control: str) -> Response:
    fields = {"ETag": etag, "Cache-Control": cache_control}
    if matches(if_none_match, etag):
        return Response(304, {**fields, **VARY}, b"")
    of_coding, data = coded_as(body, form)
    return Response(200, {**fields, **of_coding}, data)
