"""Loads an aggregate as one representation shows it: the answer, how it came about, and what is kept of it."""

import time
from collections.abc import Mapping
from itertools import product

import msgspec

from bff.answer import Answer, compose
from bff.parts.part import STATUSES, Aggregate
from bff.parts.sources import PartSources, Sources
from bff.representation import Representation
from bff.settings import GatewaySettings
from shared.cache.cache import Value
from shared.cache.loader import Loading, LoadResult
from shared.deadline import Clock, Deadline
from shared.errors import DeclarationError, NotFound, RequestError
from shared.http.coded_body import NO_BODY, CodedBody
from shared.http.early_routes import ReadyResponse
from shared.observing import metrics
from shared.upstream.timeout import MIN_ATTEMPT_SECONDS


class BuiltAnswer(msgspec.Struct, frozen=True):
    """What a load gave: an answer or an error for the client, and how it went."""

    answer: Answer | RequestError
    fresh_until: float
    facts: Mapping[str, object]
    timing: str
    body: CodedBody = NO_BODY
    tags: tuple[str, ...] = ()


class AggregateLoader:
    """Loads one representation of a kind."""

    def __init__(
        self, representation: Representation, settings: GatewaySettings, sources: PartSources, clock: Clock
    ) -> None:
        """``clock`` is the cache's."""
        self._representation = representation
        self._kind = kind = representation.kind
        self._names = [part.name for part in representation.parts]
        self._wanted = frozenset(self._names)
        self._optional = {part.name for part in kind.optional}
        self._sources = sources
        self._clock = clock
        self.ttl = representation.ttl(settings.cache_ttl)
        self._negative_ttl = settings.cache_negative_ttl
        self._part_counters = {
            (part, status): metrics.aggregate_parts.labels(kind.label, part, status)
            for part, status in product(self._names, STATUSES)
        }

    async def load(self, identifier: str, key: str, loading: Loading) -> LoadResult[BuiltAnswer]:
        """The answer for an id, to be kept under ``key``; it may be an error."""
        sources = self._sources.of(loading, self._wanted)
        asked_at = self._clock()
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
        return self._complete(identifier, key, aggregate, sources, asked_at=asked_at, duration=duration)

    def _existing(self, aggregate: Aggregate) -> Aggregate:
        for name, part in aggregate.parts.items():
            if part.value is None and part.is_absent and name not in self._optional:
                raise NotFound(f"There is no such {self._kind.subject}.")
        return aggregate

    def _complete(
        self, identifier: str, key: str, aggregate: Aggregate, sources: Sources, *, asked_at: float, duration: float
    ) -> LoadResult[BuiltAnswer]:
        if [*aggregate.parts] != self._names:
            if aggregate.parts.keys() != self._kind.readers.keys():
                given, declared = ", ".join(aggregate.parts), ", ".join(self._kind.readers)
                raise DeclarationError(
                    f"aggregate {self._kind.name!r}: it is loaded with {given}, and declared with {declared}"
                )
            aggregate = aggregate.only(self._names)
        ttl, representation = self.ttl, self._representation
        statuses, found, timing, lives = {}, {}, "", [asked_at + ttl]
        for name, part in aggregate.parts.items():
            statuses[name], found[name] = part.status, part.value
            self._part_counters[name, part.status].inc()
            timing += f"{name};dur={part.duration * 1000:.1f}, "
            lives.append(part.fresh_until)
        timing += f"total;dur={duration * 1000:.1f}"
        facts = representation.facts(identifier, found)
        answer = compose(aggregate, facts, ttl=ttl, duration=duration, now=time.time(), write=representation.write)
        values, tags, fresh_until = sources.values, sources.loading.further_tags, min(lives)
        if answer.etag is not None:
            ready = ReadyResponse(answer.etag, answer.cached_body)
            # The last to be placed is the last to go where there is hardly any room.
            values = [*values, Value(key, ready.body, fresh_until - ttl, ttl, cost=duration, decoded=ready, tags=tags)]
        made = BuiltAnswer(answer, fresh_until, {"parts": statuses}, timing, CodedBody(answer.body), tags)
        return LoadResult(made, values, cut_short=answer.etag is None and _is_over(sources.loading.deadline))

    def _not_found(self, key: str, absent: NotFound, asked_at: float) -> LoadResult[BuiltAnswer]:
        """Nothing else is kept that was loaded for somebody who does not exist."""
        ttl, sentence = self._negative_ttl, absent.detail
        values = [Value(key, sentence.encode(), asked_at, ttl, decoded=sentence, negative=True)] if ttl else []
        return LoadResult(BuiltAnswer(absent, asked_at + ttl, {}, ""), values)


def _is_over(deadline: Deadline) -> bool:
    """Whether a load that gave less than it might ended because its time did."""
    return deadline.left() < MIN_ATTEMPT_SECONDS
