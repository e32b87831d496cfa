"""The source of a keyed part: things that many subjects share, requested by id in batches (products).

Only ids that are neither in the cache nor being asked for by another request cost a call; calls in flight are joined.
Each id stands for itself: a failure of one costs none of the others.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from bff.parts.batch_bisection import BatchBisection
from bff.parts.batches import Batches, Terms
from bff.parts.bounds import Bounds
from bff.parts.keyed import KeyedPart
from bff.parts.part import Part
from bff.parts.part_builder import Fetched, PartBuilder
from bff.parts.store import PartStore
from shared import codec, ids
from shared.cache.cache import Value
from shared.cache.entry import Entry
from shared.cache.throttle import Throttle
from shared.deadline import Deadline
from shared.errors import AttemptTimeout, NoBudget, Reason, UpstreamError
from shared.observing import metrics
from shared.upstream.call import Call, Send
from shared.upstream.records import Records
from shared.upstream.timeout import MIN_ATTEMPT_SECONDS

T = TypeVar("T")

_UNKNOWN: Final = b""
"""What is kept of a thing that the service does not know."""

_MAX_REFUSED: Final = 10_000
"""So many refused ids that have no place in the cache are remembered."""

_MAX_LENGTH: Final = 64
"""An id that is longer is no identifier, and is remembered by a digest."""


class KeyedSource(Generic[T]):
    """Gives one declared part: current things from the cache, else from the service, else last known good."""

    def __init__(self, part: KeyedPart[T], call: Send, store: PartStore, bounds: Bounds) -> None:
        """``call`` asks the part's service; ``store`` has the part's own times."""
        self._part = part
        self._send = call
        self._store = store
        self._bounds = bounds
        self._records = Records(part.shape, part.key, part.normalize)
        self._bisection = BatchBisection(self._request)
        self._batches: Batches[Fetched[T]] = Batches(
            self._ask, max_ids=part.max_batch, call_timeout=bounds.call_timeout, max_requests=bounds.max_calls
        )
        self._since = store.cache.issue_token()
        self._refused: Throttle[float] = Throttle(store.ttl, _MAX_REFUSED, store.cache.clock)
        self._sources = {name: metrics.part_sources.labels(part.name, name) for name in ("cache", "service", "joined")}

    async def get(self, wanted: Iterable[str], deadline: Deadline, *, renew: bool = False) -> Part[Mapping[str, T]]:
        """The things with these ids; those that the service does not know, or does not take, are left out.

        To ``renew``, only what is nearly new is taken from the cache while the service answers.
        """
        started = self._store.clock()
        everything = tuple(dict.fromkeys(wanted))
        order = everything[: self._bounds.max_ids]
        builder: PartBuilder[T] = PartBuilder({one: self._key(one) for one in order if ids.is_id(one)})
        kept = await self._kept(builder.keys, deadline)
        due = self._take_fresh(kept, builder, renew=renew)
        wanting = [one for one in order if one not in builder.known]
        if wanting:
            await self._take_from_service(wanting, due, builder, deadline)
            self._take_kept(wanting, kept, builder)
        now = self._store.clock()
        builder.fresh_until = min(builder.fresh_until, now + self._store.ttl)
        return builder.build(everything, now, now - started)

    async def _kept(self, keys: Mapping[str, str], deadline: Deadline) -> Mapping[str, Entry]:
        entries = zip(keys, await self._store.kept(list(keys.values()), deadline), strict=True)
        return {one: entry for one, entry in entries if entry is not None}

    def _take_fresh(self, kept: Mapping[str, Entry], builder: PartBuilder[T], *, renew: bool) -> Sequence[str]:
        """Take what is current, and return the ids of which that will soon be over."""
        now = self._store.clock()
        due: list[str] = []
        for one, entry in kept.items():
            current = entry.is_new(now) if renew else entry.is_fresh(now)
            if current and self._read(one, entry, builder):
                until = self._store.current_until(entry) if entry.negative else entry.fresh_until
                builder.fresh_until = min(builder.fresh_until, until)
                if entry.is_due(now):
                    due.append(one)
        self._sources["cache"].inc(len(builder.known))
        return due

    async def _take_from_service(
        self, wanting: Sequence[str], due: Sequence[str], builder: PartBuilder[T], deadline: Deadline
    ) -> None:
        if deadline.left() < MIN_ATTEMPT_SECONDS:
            builder.lost |= dict.fromkeys(wanting, NoBudget.reason)
            return
        join: list[str] = []
        ask: list[str] = []
        for one in wanting:
            if self._batches.has(one):
                join.append(one)
            elif (reason := self._store.throttle.reason(builder.keys.get(one) or self._key(one))) is not None:
                builder.lost[one] = reason
            else:
                ask.append(one)
        if ask:
            # Since there is a call to be made, it may as well save the next one.
            ask += [one for one in due if not self._batches.has(one)]
        if not join and not ask:
            return
        self._sources["joined"].inc(len(join))
        await self._call(join, ask, builder, deadline)
        again = [one for one in join if one in builder.late]
        if again and deadline.left() >= MIN_ATTEMPT_SECONDS:  # whoever had begun that call had less time
            join = [one for one in again if self._batches.has(one)]
            await self._call(join, [one for one in again if not self._batches.has(one)], builder, deadline)

    async def _call(self, join: Sequence[str], ask: Sequence[str], builder: PartBuilder[T], deadline: Deadline) -> None:
        """Take what calls give; ids that are no identifiers may be refused, and go into calls of their own."""
        reason: Reason = AttemptTimeout.reason
        wanting = [*join, *ask]
        if len(self._refused):
            ask = self._not_refused(ask, builder)
        good = [one for one in ask if one in builder.keys]
        odd = [] if len(good) == len(ask) else [one for one in ask if one not in builder.keys]
        for result in await self._batches.get(join, good, deadline, odd):
            if isinstance(result, UpstreamError):
                reason = result.reason
            else:
                builder.add(wanting, result)
        for one in wanting:
            if one in builder.known:
                builder.lost.pop(one, None)
            else:
                builder.lost.setdefault(one, reason)

    def _not_refused(self, ask: Sequence[str], builder: PartBuilder[T]) -> list[str]:
        """Those of which it is not remembered that the service refuses them; the others are known not to exist."""
        if not self._since.alive:  # everything was purged
            self._since = self._store.cache.issue_token()
            self._refused.clear()
        for one in ask:
            until = self._refused.reason(self._key(one))
            if until is not None:
                builder.known[one] = None
                builder.fresh_until = min(builder.fresh_until, until)
        return [one for one in ask if one not in builder.known]

    async def _ask(self, batch: Sequence[str], terms: Terms) -> Fetched[T]:
        """What can be learnt of these ids now, all of them identifiers or none, and until when that is current."""
        cache, asked_at = self._store.cache, self._store.clock()
        key_of = {one: self._key(one) for one in batch}
        # Nobody who comes after a key was invalidated is given what was asked for before.
        token = cache.issue_token(*key_of.values(), on_loss=lambda key: self._batches.detach(_lost(key_of, key)))
        try:
            result = await self._bisection.ask(batch, terms)
            encode = self._part.codec.encode
            known = {one: None if thing is None else (thing, encode(thing)) for one, thing in result.known.items()}
            is_kept = ids.is_id(batch[0])
            if is_kept:
                cache.put(token, [self._value(key_of[one], thing, asked_at) for one, thing in known.items()])
            if not is_kept or not self._store.negative_ttl:
                self._refuse([key_of[one] for one in result.refused if token.holds(key_of[one])], asked_at)
        finally:
            cache.release_token(token)
        self._sources["service"].inc(len(known))
        for one, error in result.lost.items():
            self._store.record_failure(key_of[one], error, terms)
        lost = {one: error.reason for one, error in result.lost.items()}
        return Fetched(known, lost, asked_at + self._store.ttl, terms.left() < MIN_ATTEMPT_SECONDS)

    async def _request(self, some: Sequence[str], terms: Terms) -> Mapping[str, T]:
        """One call for these ids; an error about some of them has what is known of the others as its ``rest``."""
        part = self._part
        body = codec.document({part.member: [part.id_type.as_json(one) for one in some]})
        call = Call(part.path, self._records.about(some), terms, body, wanted_until=terms.wanted_until)
        found: Mapping[str, T] = await self._send(call)
        return found

    def _value(self, key: str, thing: tuple[T, bytes] | None, asked_at: float) -> Value:
        if thing is None:
            return self._store.absence(key, _UNKNOWN, asked_at)
        return self._store.value(key, thing[1], asked_at, self._part.codec.decode_owned(thing[1]))

    def _refuse(self, keys: Iterable[str], asked_at: float) -> None:
        for key in keys:
            self._refused.failed(key, asked_at + self._store.ttl)

    def _take_kept(self, wanting: Sequence[str], kept: Mapping[str, Entry], builder: PartBuilder[T]) -> None:
        """Take what the service could not give from what is kept, as stale where it is no longer current."""
        now = self._store.clock()
        for one in wanting:
            entry = kept.get(one)
            if one in builder.known or entry is None or not self._read(one, entry, builder):
                continue
            self._sources["cache"].inc()
            if entry.is_fresh(now):
                until = self._store.current_until(entry) if entry.negative else entry.fresh_until
                builder.fresh_until = min(builder.fresh_until, until)
                builder.lost.pop(one, None)
            else:
                builder.oldest = min(builder.oldest or float("inf"), entry.asked_at)

    def _read(self, one: str, entry: Entry, builder: PartBuilder[T]) -> bool:
        """Take what an entry says; false when it cannot be read."""
        known: tuple[T, bytes] | None = None
        if not entry.negative:
            thing = self._part.codec.decode_entry(entry)
            if thing is None:
                return False
            known = (thing, entry.value)
        builder.known[one] = known
        return True

    def _key(self, one: str) -> str:
        """What ``one`` is kept and remembered by, however long it is."""
        if len(one) > _MAX_LENGTH:
            one = "!" + hashlib.blake2b(one.encode(), digest_size=16).hexdigest()
        return self._store.cache.keys.entry(self._part.name, one)


def _lost(key_of: Mapping[str, str], key: str | None) -> Sequence[str]:
    """The ids whose key that is; all of them for None."""
    return [one for one, named in key_of.items() if key in {None, named}]
