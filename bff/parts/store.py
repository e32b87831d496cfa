"""The part store: the cache of parts, their lifetimes, and the throttle on failing loads."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from shared.cache.cache import Cache, Value
from shared.cache.entry import Entry
from shared.cache.tags import bounded
from shared.cache.throttle import Throttle
from shared.deadline import Deadline
from shared.errors import Reason, UpstreamError
from shared.upstream.timeout import MIN_ATTEMPT_SECONDS

_NOT_THE_SERVICE: Final[frozenset[Reason]] = frozenset({"no_budget", "circuit_open"})
"""Reasons that say nothing about the service, or that something else already acts upon."""

_MIN_LOOKUP_SECONDS: Final = 0.02
"""However little is left of the request's time, so much may be spent on looking for something to give instead."""


@dataclass(frozen=True, slots=True)
class PartStore:
    """Where parts are kept.

    Attributes:
        ttl: seconds for which a part counts as current.
        stale: seconds for which it may stand in when its service cannot answer.
        negative_ttl: seconds for which it counts as current that there is no such thing.
        throttle: remembers which parts could not be had a moment ago, and why.
    """

    cache: Cache
    throttle: Throttle[Reason]
    ttl: float
    stale: float
    negative_ttl: float = 0.0

    def clock(self) -> float:
        """Now, on the clock of all times of parts."""
        return self.cache.clock()

    def value(self, key: str, data: bytes, asked_at: float, decoded: object = None, tags: Iterable[str] = ()) -> Value:
        """What is kept of an answer that was asked for at ``asked_at``: it is as old as the question.

        ``decoded`` is the decoded value, where keeping it is worth the memory; ``tags`` are its further ones.
        """
        return Value(key, data, asked_at, self.ttl, self.stale, decoded=decoded, tags=bounded(tags) if tags else ())

    def absence(self, key: str, asked_at: float) -> Value:
        """What is kept of the answer that there is no such thing; nothing is current for longer than what there is."""
        return Value(key, b"", asked_at, min(self.negative_ttl, self.ttl), self.stale, negative=True)

    def current_until(self, entry: Entry) -> float:
        """Until when what uses ``entry`` counts as current.

        That there is no such thing is looked into more often than what there is, and is no older for that.
        """
        return entry.asked_at + self.ttl if entry.negative else entry.fresh_until

    def record_failure(self, key: str, error: UpstreamError, deadline: Deadline) -> None:
        """Record a failure in the throttle, if it is the service's; one caller's lack of time does not count."""
        is_callers_own = error.reason == "timeout" and deadline.left() < MIN_ATTEMPT_SECONDS
        if error.reason not in _NOT_THE_SERVICE and not is_callers_own:
            self.throttle.failed(key, error.reason)

    async def kept(self, keys: Sequence[str], deadline: Deadline) -> Sequence[Entry | None]:
        """What is kept under each key, as far as there is time to look."""
        near = self.cache.all_kept_near(keys)
        if None not in near:
            return near
        try:
            async with asyncio.timeout(max(_MIN_LOOKUP_SECONDS, deadline.left())):
                return await self.cache.kept(keys)
        except TimeoutError:
            return near
