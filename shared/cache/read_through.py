"""Read-through: a value from the cache, or loaded once for all who ask, in this process and in every other.

near hit ─────────────────────────────► serve; late in its life, reload it in the background
near miss ─► join the load under way, or begin one:
               Redis has it ──────────► serve, memory keeps it
               lease got ─────────────► load, store, release the lease
               lease taken ───────────► wait for the other process, look again; in the end load all the same
"""

from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from msgspec.structs import replace

from shared.cache.cache import Cache, Value
from shared.cache.entry import Entry
from shared.cache.flights import Flights
from shared.cache.lease import LEASE_SECONDS, Leases
from shared.cache.loader import Load, Loading, Outcome
from shared.cache.lookup import HELD, TAKEN, Lookup
from shared.cache.progress import Listen, Progress
from shared.deadline import Deadline
from shared.errors import KitError
from shared.observing import metrics

T = TypeVar("T")

_WAIT_SHARE: Final = 0.25
"""Of what is left of a request's time, so much may be spent on waiting for another process."""
_MIN_RETRY_SECONDS: Final = 0.02
"""Whoever has less left takes what the one before it has got."""
_NEVER: Final = float("inf")
_MAX_REFRESHES: Final = 64
"""With more loads than this under way, nothing is refreshed before its time."""


class ReadThrough(Generic[T]):
    """A cache that loads what it does not have; a resource of the app, inside the cache's own life."""

    def __init__(self, cache: Cache, budget: float, busy: Callable[[], bool] = lambda: False) -> None:
        """``budget``: seconds that a load may take; while ``busy``, nothing is reloaded before its time."""
        self._cache = cache
        self._busy = busy
        self._budget = budget
        self._leases = Leases(cache)
        self._flights: Flights[Outcome[T] | None] = Flights()
        self._coalesced = {scope: metrics.cache_coalesced.labels(scope) for scope in ("process", "redis")}

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Cancel loads that are still under way."""
        await self._flights.__aexit__(kind, error, frames)

    async def get(self, key: str, deadline: Deadline, load: Load[T], listen: Listen | None = None) -> Outcome[T]:
        """The value of ``key``, which memory does not have; raises whatever ``load`` raises.

        Whoever joins a load that is cut short by the deadline of the one who began it tries once more, within its own.
        ``listen`` is told what becomes known of the load before its end, whoever has begun it.
        """
        tried_again = False
        while True:
            progress = Progress()
            sharing = self._flights.share(key, partial(self._find_or_load, key, deadline, load, progress), progress)
            if listen is not None and (heard := self._flights.progress(key)) is not None:
                sharing = heard.listening(listen, sharing)
            outcome, joined = await sharing
            if outcome is None:  # an early refresh that another process has taken over
                continue
            if joined and outcome.cut_short and not tried_again and deadline.left() > _MIN_RETRY_SECONDS:
                tried_again = True
                continue
            if outcome.error is not None:
                raise outcome.error
            if joined:
                self._coalesced["process"].inc()
                return replace(outcome, joined=True)
            if outcome.entry is not None:
                self._refresh_early(key, outcome.entry, load)
            return outcome

    def near(self, key: str, load: Load[T]) -> Entry | None:
        """The fresh entry that memory has; one synchronous call. Late in its life it is reloaded in the background."""
        entry = self._cache.lookup_near(key)
        if entry is not None:
            self._refresh_early(key, entry, load)
        return entry

    def peek(self, key: str, now: float) -> Entry | None:
        """What :meth:`near` returns, where that starts no refresh ``now``; not counted (``Cache.count_near_hits``)."""
        entry = self._cache.peek_near(key, now)
        return None if entry is None or (entry.is_due(now) and self._may_refresh()) else entry

    def _may_refresh(self) -> bool:
        return len(self._flights) < _MAX_REFRESHES and not self._busy()

    def _refresh_early(self, key: str, entry: Entry, load: Load[T]) -> None:
        if entry.is_due(self._cache.clock()) and self._may_refresh():
            entry.refresh_from = _NEVER
            progress = Progress()
            self._flights.start_in_background(key, lambda: self._refresh(key, load, progress), progress)

    async def _find_or_load(self, key: str, deadline: Deadline, load: Load[T], progress: Progress) -> Outcome[T]:
        lookup, patience = await self._leases.lookup(key), None
        while lookup.entry is None and lookup.lease is TAKEN:
            patience = patience or Deadline.after(deadline.left() * _WAIT_SHARE, deadline.clock)
            if patience.left() <= 0:
                break
            await self._leases.wait_for_lease_holder(key, patience)
            lookup = await self._leases.lookup(key)
        waited = patience is not None
        if lookup.entry is not None:
            self._release_lease(key, lookup)
            if waited:
                self._coalesced["redis"].inc()
            return Outcome(lookup.entry, None, asked_redis=True, joined=waited)
        return await self._load(key, load, deadline, lookup, progress)

    async def _refresh(self, key: str, load: Load[T], progress: Progress) -> Outcome[T] | None:
        lookup, now = await self._leases.lookup(key, count=False), self._cache.clock()
        if lookup.lease is TAKEN:
            self._schedule_refresh(key, now + LEASE_SECONDS)
            return None
        if lookup.entry is not None and not lookup.entry.is_due(now):  # another process has just done it
            self._release_lease(key, lookup)
            return Outcome(lookup.entry, None, asked_redis=False)
        self._schedule_refresh(key, _NEVER)
        metrics.cache_early_refreshes.inc()
        unasked = replace(lookup, asked=False)
        return await self._load(key, load, Deadline.after(self._budget), unasked, progress, early=True)

    def _schedule_refresh(self, key: str, instant: float) -> None:
        # Whatever stands there now: what Redis has may have taken the place of what was hit.
        entry = self._cache.kept_near(key)
        if entry is not None:
            entry.refresh_from = instant

    def _release_lease(self, key: str, lookup: Lookup) -> None:
        if lookup.lease is HELD:
            self._leases.release(self._cache.keys.lease(key))

    async def _load(
        self, key: str, load: Load[T], deadline: Deadline, lookup: Lookup, progress: Progress, *, early: bool = False
    ) -> Outcome[T]:
        def lost(_key: str | None) -> None:
            # Nobody may join a load that began before, here or in another process.
            self._flights.detach(key)
            self._leases.release(*self._leases.stop_renewing(token))

        # What was invalidated before the services are asked outdates nothing of what they answer.
        token = self._cache.issue_token(key, stamps=lookup.stamps, on_loss=lost)
        values: Sequence[Value] = ()
        if lookup.lease is HELD:
            self._leases.start_renewing(key, token)
        try:
            own, is_blind = self._cache.keys.tags(key), self._cache.near.is_blind
            loading = Loading(deadline, early, token, self._cache, own, is_blind=is_blind, progress=progress)
            loaded = await load(loading)
            values = loaded.values
        except (KitError, TimeoutError) as error:
            if deadline.left() > 0:
                raise
            return Outcome(None, None, lookup.asked, cut_short=True, error=error)
        finally:
            self._cache.put(token, values, self._leases.stop_renewing(token))
            self._cache.release_token(token)
        stored = token.holds(key) and key in [value.key for value in values] and self._cache.keeps(key)
        return Outcome(None, loaded.result, lookup.asked, stored=stored, cut_short=loaded.cut_short)
