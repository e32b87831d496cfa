"""The source of a keyed part: items that many subjects share, requested by id in batches.

Only ids that are neither in the cache nor being asked for by another request cost a call; calls in flight are joined.
Each id stands for itself: a failure of one costs none of the others.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from bff.parts.at_hand import AtHand
from bff.parts.batch_bisection import BatchBisection, Bisected
from bff.parts.batches import Batches, Terms
from bff.parts.bounds import Bounds
from bff.parts.declaring import tags_in
from bff.parts.keyed import KeyedPart
from bff.parts.part import Part
from bff.parts.part_builder import Fetched, PartBuilder
from bff.parts.refused_ids import RefusedIds
from bff.parts.store import PartStore
from shared import codec, ids
from shared.cache.cache import Value
from shared.cache.entry import Entry
from shared.cache.loader import Loading
from shared.cache.token import Token
from shared.deadline import Deadline
from shared.errors import AttemptTimeout, BadResponse, NoBudget, Reason, UpstreamError
from shared.observing import metrics
from shared.upstream.call import Call, Send
from shared.upstream.records import Records
from shared.upstream.timeout import MIN_ATTEMPT_SECONDS

T = TypeVar("T")

_MAX_LENGTH: Final = 64
"""A longer id is no identifier; its key has a digest instead."""


class KeyedSource(Generic[T]):
    """Gives one declared part: current items from the cache, else from the service, else last known good."""

    def __init__(self, part: KeyedPart[T], call: Send, store: PartStore, bounds: Bounds) -> None:
        """``call`` asks the part's service; ``store`` has the part's own times."""
        self._part = part
        self._send = call
        self._store = store
        self._bounds = bounds
        self._at_hand = AtHand(part, store)
        self._beginning = store.cache.keys.entry_prefix(part.name)
        self._records = Records(part.shape, part.key, part.normalize)
        self._bisection = BatchBisection(self._request)
        self._batches: Batches[Fetched[T]] = Batches(
            self._ask, max_ids=part.max_batch, call_timeout=bounds.call_timeout, max_requests=bounds.max_calls
        )
        self._refused = RefusedIds(store.cache, part.tag, store.ttl)
        self._sources = {name: metrics.part_sources.labels(part.name, name) for name in ("cache", "service", "joined")}

    async def get(self, wanted: Iterable[str], loading: Loading) -> Part[Mapping[str, T]]:
        """The items with these ids; those that the service does not know, or cannot take, are left out.

        For an early load only what is nearly new is taken from the cache while the service answers.
        """
        started = self._store.clock()
        id_type = self._part.id_type
        everything = tuple(dict.fromkeys(map(id_type.canonical, wanted)))
        order = everything[: self._bounds.max_ids]
        if len(order) == len(everything) and (part := self._at_hand.take(order, started, loading)) is not None:
            self._sources["cache"].inc(len(order))
            return loading.progress.told(self._part.name, part)
        if (tag := self._part.tag) is not None:
            loading.depend_on([f"{tag}:{item_id}" for item_id in order])
            if loading.is_blind:
                await loading.read_stamps()
        builder: PartBuilder[T] = PartBuilder({one: self._key(one) for one in order if id_type.has(one)})
        entries = await self._store.kept([*builder.keys.values()], loading.deadline)
        kept = {one: entry for one, entry in zip(builder.keys, entries, strict=True) if entry is not None}
        due = self._take_fresh(kept, builder, renew=loading.early)
        if id_type is not ids.TEXT:  # of text the service knows best what it takes
            builder.known |= {item_id: None for item_id in order if not id_type.has(item_id)}
        missing = [item_id for item_id in order if item_id not in builder.known]
        if missing:
            await self._take_from_service(missing, due, builder, loading.deadline)
            self._take_kept(missing, kept, builder)
        if self._part.tags is not None:
            items = [item[0] for item in builder.known.values() if item]
            loading.depend_on([one for item in items for one in tags_in(item, self._part.tags)])
        elif not missing:
            self._at_hand.remember(builder.keys)
        now = self._store.clock()
        builder.fresh_until = min(builder.fresh_until, now + self._store.ttl)
        return loading.progress.told(self._part.name, builder.build(everything, now, now - started))

    def _take_fresh(self, kept: Mapping[str, Entry], builder: PartBuilder[T], *, renew: bool) -> Sequence[str]:
        """Take current entries; returns the ids of those that will expire soon."""
        now = self._store.clock()
        due: list[str] = []
        for item_id, entry in kept.items():
            is_current = entry.is_new(now) if renew else now < entry.fresh_until
            if not is_current or not self._read(item_id, entry, builder):
                continue
            builder.fresh_until = min(builder.fresh_until, self._store.current_until(entry))
            if now >= entry.refresh_from:
                due.append(item_id)
        self._sources["cache"].inc(len(builder.known))
        return due

    async def _take_from_service(
        self, missing: Sequence[str], due: Sequence[str], builder: PartBuilder[T], deadline: Deadline
    ) -> None:
        if deadline.left() < MIN_ATTEMPT_SECONDS:
            builder.failed |= dict.fromkeys(missing, NoBudget.reason)
            return
        join: list[str] = []
        ask: list[str] = []
        for item_id in missing:
            if self._batches.has(item_id):
                join.append(item_id)
            elif (reason := self._store.throttle.reason(builder.keys.get(item_id) or self._key(item_id))) is not None:
                builder.failed[item_id] = reason
            else:
                ask.append(item_id)
        if ask:
            # Since there is a call to be made, it may as well save the next one.
            ask += [item_id for item_id in due if not self._batches.has(item_id)]
        if not join and not ask:
            return
        self._sources["joined"].inc(len(join))
        await self._call(join, ask, builder, deadline)
        again = [item_id for item_id in join if item_id in builder.late]
        if again and deadline.left() >= MIN_ATTEMPT_SECONDS:  # whoever had begun that call had less time
            join = [item_id for item_id in again if self._batches.has(item_id)]
            await self._call(join, [item_id for item_id in again if not self._batches.has(item_id)], builder, deadline)

    async def _call(self, join: Sequence[str], ask: Sequence[str], builder: PartBuilder[T], deadline: Deadline) -> None:
        """Add the results of batch calls; ids that are no identifiers may be rejected, and go into separate calls."""
        reason: Reason = AttemptTimeout.reason
        missing = [*join, *ask]
        if len(self._refused):
            ask = self._not_refused(ask, builder)
        good = [item_id for item_id in ask if item_id in builder.keys]
        odd = [] if len(good) == len(ask) else [item_id for item_id in ask if item_id not in builder.keys]
        for result in await self._batches.get(join, good, deadline, odd):
            if isinstance(result, UpstreamError):
                reason = result.reason
            else:
                builder.add(missing, result)
        for item_id in missing:
            if item_id in builder.known:
                builder.failed.pop(item_id, None)
            else:
                builder.failed.setdefault(item_id, reason)

    def _not_refused(self, ask: Sequence[str], builder: PartBuilder[T]) -> list[str]:
        """The ids that the service has not rejected lately; the others count as not existing."""
        for item_id in ask:
            if (until := self._refused.until(self._key(item_id), item_id)) is not None:
                builder.known[item_id] = None
                builder.fresh_until = min(builder.fresh_until, until)
        return [item_id for item_id in ask if item_id not in builder.known]

    async def _ask(self, batch: Sequence[str], terms: Terms) -> Fetched[T]:
        """Ask the service for these ids, which are all identifiers, or none of them is."""
        cache, asked_at = self._store.cache, self._store.clock()
        key_of = {item_id: self._key(item_id) for item_id in batch}

        def lost(key: str | None) -> None:
            # Nobody who comes after a key was invalidated is given what was asked for before.
            self._batches.detach([item_id for item_id in batch if key in {None, key_of[item_id]}])

        token = cache.issue_token(*key_of.values(), on_loss=lost)
        try:
            await cache.read_stamps(token)
            result = await self._bisection.ask(batch, terms)
            tags = self._tell_tags(result)
            encode = self._part.codec.encode
            known = {item_id: None if item is None else (item, encode(item)) for item_id, item in result.known.items()}
            is_kept = self._part.id_type.has(batch[0])
            if is_kept:
                values = [
                    self._value(key_of[one], item, asked_at, token, tags.get(one, ())) for one, item in known.items()
                ]
                cache.put(token, values)
            if not is_kept or not self._store.negative_ttl:
                self._refused.add([key for one in result.refused if token.holds(key := key_of[one])], asked_at)
        finally:
            cache.release_token(token)
        self._sources["service"].inc(len(known))
        for item_id, error in result.failed.items():
            self._store.record_failure(key_of[item_id], error, terms)
        failed = {item_id: error.reason for item_id, error in result.failed.items()}
        return Fetched(known, failed, asked_at + self._store.ttl, terms.left() < MIN_ATTEMPT_SECONDS)

    async def _request(self, item_ids: Sequence[str], terms: Terms) -> Mapping[str, T]:
        """One call for these ids; an error about some of them has what is known of the others as its ``rest``."""
        part = self._part
        body = codec.document({part.member: [part.id_type.as_json(item_id) for item_id in item_ids]})
        call = Call(part.path, self._records.about(item_ids), terms, body, wanted_until=terms.wanted_until, safe=True)
        found: Mapping[str, T] = await self._send(call)
        return found

    def _tell_tags(self, result: Bisected[T]) -> Mapping[str, Sequence[str]]:
        """The further tags of each item; one of which they cannot be told fails, for a purge would pass it by."""
        if self._part.tags is None:
            return {}
        tags: dict[str, Sequence[str]] = {}
        for item_id, item in list(result.known.items()):
            try:
                tags[item_id] = () if item is None else tags_in(item, self._part.tags)
            except BadResponse as error:
                result.failed[item_id] = error
                del result.known[item_id]
        return tags

    def _value(
        self, key: str, item: tuple[T, bytes] | None, asked_at: float, token: Token, tags: Sequence[str]
    ) -> Value:
        if item is None:
            return self._store.absence(key, asked_at)
        if tags:
            self._store.cache.tag_token(token, key, tags)
        return self._store.value(key, item[1], asked_at, self._part.codec.decode_owned(item[1]), tags)

    def _take_kept(self, missing: Sequence[str], kept: Mapping[str, Entry], builder: PartBuilder[T]) -> None:
        """Take from the cache what the service could not return, as stale where it is no longer current."""
        now = self._store.clock()
        for item_id in missing:
            entry = kept.get(item_id)
            if item_id in builder.known or entry is None or not self._read(item_id, entry, builder):
                continue
            self._sources["cache"].inc()
            if entry.is_fresh(now):
                builder.fresh_until = min(builder.fresh_until, self._store.current_until(entry))
                builder.failed.pop(item_id, None)
            else:
                builder.oldest = min(builder.oldest or float("inf"), entry.asked_at)

    def _read(self, item_id: str, entry: Entry, builder: PartBuilder[T]) -> bool:
        """Add the value of an entry; returns False when it cannot be decoded."""
        item = None if entry.negative else self._part.codec.decode_entry(entry)
        if item is None and not entry.negative:
            return False
        builder.known[item_id] = None if item is None else (item, entry.value)
        return True

    def _key(self, item_id: str) -> str:
        """The cache key of ``item_id``, bounded in length."""
        if len(item_id) > _MAX_LENGTH:
            item_id = "!" + hashlib.blake2b(item_id.encode(), digest_size=16).hexdigest()
        return f"{self._beginning}{item_id}}}"
