"""Outdates what events tell of: once in all processes, however often an event comes and by whichever way.

An event is known by its ``source`` and ``id`` (CloudEvents 1.0.2, "Required attributes"). One that has been taken is
dropped for ten minutes when it comes again. One of which not every process could be told is not: it can be sent again.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from typing import Final, NamedTuple, Protocol

from bff.events.seen import Seen
from bff.parts.invalidates import Invalidates, WrongTags
from shared.cache.claims import Claims
from shared.deadline import Clock
from shared.events.cloud_event import CloudEvent, MalformedEvent, read_event
from shared.observing import metrics
from shared.observing.logs import log, log_deduplicated

REMEMBERED_SECONDS: Final = 600.0
REMEMBERED: Final = 50_000
"""Events, in memory; Redis remembers all."""
OTHER: Final = "other"
"""In metrics, every type that is not declared."""


class Outdated(Protocol):
    """What is outdated: the cache."""

    async def purge_tags(self, tags: Sequence[str]) -> bool:
        """Outdate what carries any of these; returns whether every process is told."""
        ...

    async def purge_all(self) -> bool:
        """Drop everything; returns whether every process is told."""
        ...


class Told(NamedTuple):
    """What has become of some events, and whether every process is told of those that were taken."""

    outcomes: Mapping[str, int]
    everywhere: bool


class _Pending(NamedTuple):
    event: CloudEvent
    tags: Sequence[str]


class Outdating:
    """Outdates by events of the ``declared`` types, by type, in ``cache``."""

    def __init__(
        self,
        declared: Mapping[str, Invalidates],
        cache: Outdated,
        claims: Claims,
        seen: Seen | None = None,
        epoch: Clock = time.time,
    ) -> None:
        """``epoch`` tells seconds since the epoch."""
        self._declared = declared
        self._cache = cache
        self._claims = claims
        self._seen = Seen(REMEMBERED_SECONDS, REMEMBERED) if seen is None else seen
        self._epoch = epoch
        for kind in (*declared, OTHER):
            for outcome in metrics.EVENT_OUTCOMES:
                metrics.events.labels(kind, outcome)

    async def take(self, events: Sequence[CloudEvent | None], *, live: bool = False) -> Told:
        """Outdate what ``events`` tell of; None is one that could not be read.

        ``live`` they come to every process just now: what another one has done of them, this one has seen happen.
        """
        outcomes: Counter[str] = Counter()
        pending: dict[str, _Pending] = {}
        for event in events:
            name = "" if event is None else _name(event)
            found = "repeated" if name in pending or name in self._seen else self._tags(event)
            if event is None or isinstance(found, str):
                self._count(outcomes, event, str(found))
            else:
                pending[name] = _Pending(event, found)
        done = await self._claims.once(list(pending), lambda names: self._purge([pending[name] for name in names]))
        for name in (*done.here, *done.elsewhere):
            self._seen.add(name)
        elsewhere = "taken" if live else "repeated"
        for outcome, names in (("taken", done.here), (elsewhere, done.elsewhere), ("failed", done.failed)):
            for name in names:
                self._count(outcomes, pending[name].event, outcome)
        return Told(outcomes, not done.failed)

    async def take_written(self, events: Sequence[bytes | None], live: bool) -> bool:
        """Outdate what ``events`` tell of, each as JSON (None: nothing of ours); tells whether they are done with."""
        return (await self.take(list(map(_read, events)), live=live)).everywhere

    async def distrust(self, position: str) -> bool:
        """Drop everything, once in all processes: behind this ``position`` in a stream events may have been missed.

        Tells whether that is done.
        """
        done = await self._claims.once([f"lost-{position}"], lambda _: self._cache.purge_all())
        log("warning", "cache purged", "events", scope="everything", everywhere=not done.failed)
        return not done.failed

    async def _purge(self, some: Sequence[_Pending]) -> bool:
        tags = dict.fromkeys(chain.from_iterable(one.tags for one in some))
        return not tags or await self._cache.purge_tags(list(tags))

    def _tags(self, event: CloudEvent | None) -> Sequence[str]:
        """What ``event`` outdates; the outcome, where it tells of nothing that could be."""
        if event is None:
            return "malformed"
        declared = self._declared.get(event.type)
        if declared is None:
            return "ignored"
        try:
            return declared.tags(event)
        except WrongTags:
            return "malformed"

    def _count(self, outcomes: Counter[str], event: CloudEvent | None, outcome: str) -> None:
        kind = event.type if event is not None and event.type in self._declared else OTHER
        outcomes[outcome] += 1
        metrics.events.labels(kind, outcome).inc()
        if outcome in {"ignored", "malformed"}:
            log_deduplicated("warning", "event not taken", "events", type=kind, outcome=outcome)
        elif outcome == "taken" and event is not None and event.time is not None:
            metrics.event_delay.labels(kind).observe(max(0.0, self._epoch() - event.time.timestamp()))


def _name(event: CloudEvent) -> str:
    return blake2b(f"{len(event.source)} {event.source} {event.id}".encode(), digest_size=16).hexdigest()


def _read(written: bytes | None) -> CloudEvent | None:
    try:
        return None if written is None else read_event(written)
    except MalformedEvent:
        return None
