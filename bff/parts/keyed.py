"""Parts made of things that many subjects share, asked for by id in batches: products.

Only ids that are neither at hand nor being asked for by another request cost a call; those that are, are joined.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from bff.parts.batches import Batches
from bff.parts.form import Form
from bff.parts.part import Part
from bff.parts.shelf import Shelf
from shared import codec, ids, metrics
from shared.cache.cache import Value
from shared.cache.entry import Entry
from shared.deadline import Deadline
from shared.errors import NoBudget, Reason, UpstreamError
from shared.upstream.timeout import SHORTEST_SECONDS

T = TypeVar("T")

_UNKNOWN: Final = b""
"""What is kept of a thing that the service does not know."""

Batch = Callable[[Sequence[str], Deadline], Coroutine[Any, Any, Mapping[str, T]]]
"""Asks the service for these ids before the deadline; ids it does not know are left out."""

Known = Mapping[str, tuple[T, bytes] | None]
"""By id the thing and its JSON, or None where the service knows of none."""


class _Answer(Generic[T]):
    """What is known of the ids that one aggregate wants."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[T, bytes] | None] = {}
        self.fresh_until = float("inf")
        self.oldest: float | None = None  # when the oldest stale thing was stored
        self.reason: Reason | None = None

    def add(self, known: Known[T], fresh_until: float) -> None:
        self.known.update(known)
        self.fresh_until = min(self.fresh_until, fresh_until)


class KeyedParts(Generic[T]):
    """Things of one kind by id: current from the cache, else from the service, else last known good."""

    def __init__(self, shelf: Shelf, form: Form[T], batch: Batch[T], *, most: int, patience: float) -> None:
        """``most`` ids go into one call, which has ``patience`` seconds even if who began it has less left."""
        self._shelf = shelf
        self._form = form
        self._batch = batch
        self._batches: Batches[tuple[Known[T], float]] = Batches(self._ask, most=most, patience=patience)
        self._sources = {name: metrics.part_sources.labels(form.kind, name) for name in ("cache", "service", "joined")}

    async def get(self, wanted: Iterable[str], deadline: Deadline, *, renew: bool = False) -> Part[Mapping[str, T]]:
        """The things with these ids; those that the service does not know are left out.

        To ``renew``, only what is nearly new is taken from the cache while the service answers.
        """
        started = self._shelf.clock()
        order = tuple(dict.fromkeys(wanted))
        answer: _Answer[T] = _Answer()
        kept = await self._kept(order, deadline)
        due = self._take_fresh(kept, answer, renew=renew)
        wanting = [one for one in order if one not in answer.known]
        if wanting:
            await self._take_from_service(wanting, due, answer, deadline)
            self._take_kept(wanting, kept, answer)
        duration = self._shelf.clock() - started
        if len(answer.known) < len(order):
            return Part.missing(answer.reason, duration)
        return self._part(order, answer, duration)

    async def _kept(self, order: Sequence[str], deadline: Deadline) -> Mapping[str, Entry]:
        keys = {one: self._name(one) for one in order if ids.is_id(one)}
        entries = zip(keys, await self._shelf.kept(list(keys.values()), deadline), strict=True)
        return {one: entry for one, entry in entries if entry is not None}

    def _take_fresh(self, kept: Mapping[str, Entry], answer: _Answer[T], *, renew: bool) -> Sequence[str]:
        """Take what is current, and return the ids of which that will soon be over."""
        now = self._shelf.clock()
        due: list[str] = []
        for one, entry in kept.items():
            current = entry.is_new(now) if renew else entry.is_fresh(now)
            if current and self._read(one, entry, answer):
                answer.fresh_until = min(answer.fresh_until, entry.fresh_until)
                if entry.is_due(now):
                    due.append(one)
        self._sources["cache"].inc(len(answer.known))
        return due

    async def _take_from_service(
        self, wanting: Sequence[str], due: Sequence[str], answer: _Answer[T], deadline: Deadline
    ) -> None:
        if deadline.left() < SHORTEST_SECONDS:
            answer.reason = NoBudget.reason
            return
        join = [one for one in wanting if self._batches.has(one)]
        ask: list[str] = []
        for one in wanting:
            if one not in join:
                reason = self._shelf.throttle.reason(self._name(one))
                answer.reason = reason or answer.reason
                if reason is None:
                    ask.append(one)
        if ask:
            # Since there is a call to be made, it may as well save the next one.
            ask += [one for one in due if not self._batches.has(one)]
        self._sources["joined"].inc(len(join))
        for result in await self._batches.get(join, ask, deadline):
            if isinstance(result, UpstreamError):
                answer.reason = result.reason
            else:
                known, fresh_until = result
                answer.add({one: known[one] for one in wanting if one in known}, fresh_until)

    async def _ask(self, batch: Sequence[str], deadline: Deadline) -> tuple[Known[T], float]:
        """One call: what is known of these ids, and until when that counts as current."""
        asked_at = self._shelf.clock()
        try:
            found = await self._batch(batch, deadline)
        except UpstreamError as error:
            for one in batch:
                self._shelf.note(self._name(one), error)
            raise
        self._sources["service"].inc(len(batch))
        known = {one: None if (thing := found.get(one)) is None else (thing, self._form.encode(thing)) for one in batch}
        self._keep(known, asked_at)
        return known, asked_at + self._shelf.ttl

    def _keep(self, known: Known[T], asked_at: float) -> None:
        values: list[Value] = []
        for one, thing in known.items():
            if ids.is_id(one):
                data = _UNKNOWN if thing is None else thing[1]
                values.append(self._shelf.value(self._name(one), data, asked_at))
        token = self._shelf.cache.begin()
        self._shelf.cache.put(token, values)
        self._shelf.cache.end(token)

    def _take_kept(self, wanting: Sequence[str], kept: Mapping[str, Entry], answer: _Answer[T]) -> None:
        """Take what the service could not give from what is kept, as stale where it is no longer current."""
        now = self._shelf.clock()
        for one in wanting:
            entry = kept.get(one)
            if one in answer.known or entry is None or not self._read(one, entry, answer):
                continue
            self._sources["cache"].inc()
            if entry.is_fresh(now):
                answer.fresh_until = min(answer.fresh_until, entry.fresh_until)
            else:
                answer.oldest = min(answer.oldest or float("inf"), entry.stored_at)

    def _read(self, one: str, entry: Entry, answer: _Answer[T]) -> bool:
        """Take what an entry says; false when it cannot be read."""
        known: tuple[T, bytes] | None = None
        if entry.value != _UNKNOWN:
            thing = self._form.value(entry)
            if thing is None:
                return False
            known = (thing, entry.value)
        answer.known[one] = known
        return True

    def _part(self, order: Sequence[str], answer: _Answer[T], duration: float) -> Part[Mapping[str, T]]:
        found = [(one, thing) for one in order if (thing := answer.known[one]) is not None]
        json = b"{%b}" % b",".join(b"%b:%b" % (codec.encode(one), data) for one, (_, data) in found)
        things = {one: thing for one, (thing, _) in found}
        if answer.oldest is None:
            fresh_until = answer.fresh_until if order else self._shelf.clock() + self._shelf.ttl
            return Part(things, "fresh", json, fresh_until, duration=duration)
        age = self._shelf.clock() - answer.oldest
        return Part(things, "stale", json, age=age, reason=answer.reason, duration=duration)

    def _name(self, one: str) -> str:
        return self._shelf.cache.keys.entry(self._form.kind, one)
