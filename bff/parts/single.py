"""Parts that one call gives: the user, the orders of a user."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from bff.parts.form import Form
from bff.parts.part import Part
from bff.parts.store import PartStore
from shared.cache.cache import Value
from shared.cache.loader import Loading
from shared.deadline import Deadline
from shared.errors import Reason, UpstreamError
from shared.observing import metrics

T = TypeVar("T")


class SingleParts:
    """Current from memory, else from the service, else what was last known good."""

    def __init__(self, store: PartStore, kinds: Iterable[str]) -> None:
        """``kinds`` are those of all forms that are asked for."""
        self._store = store
        self._sources = {
            kind: {name: metrics.part_sources.labels(kind, name) for name in ("cache", "service")} for kind in kinds
        }

    async def get(
        self,
        form: Form[T],
        subject: str,
        call: Callable[[], Awaitable[T | None]],
        loading: Loading,
        keep: Callable[[Value], None],
    ) -> Part[T]:
        """The part ``form.kind`` of ``subject``.

        ``call`` asks the service and gives None when it says that there is none, which makes a fresh part without a
        value; ``keep`` is given what is to be kept for the next time. For an early load only what is nearly new is
        taken from memory.
        """
        store, deadline = self._store, loading.deadline
        started = store.clock()
        key = store.cache.keys.entry(form.kind, subject)
        entry = store.cache.kept_near(key)
        at_hand = entry is not None and (entry.is_new(started) if loading.early else not entry.is_due(started))
        if entry is not None and at_hand and (value := form.value(entry)) is not None:
            self._sources[form.kind]["cache"].inc()
            return Part(value, "fresh", entry.value, entry.fresh_until)
        reason = store.throttle.reason(key)
        if reason is not None:
            return await self._instead(form, key, reason, started, deadline)
        loading.asks_for(key)
        try:
            found = await call()
        except UpstreamError as error:
            store.note(key, error, deadline)
            return await self._instead(form, key, error.reason, started, deadline)
        self._sources[form.kind]["service"].inc()
        duration = store.clock() - started
        if found is None:
            loading.forget(key)  # else it could come back to life as a stale part
            return Part(None, "fresh", duration=duration)
        data = form.encode(found)
        keep(store.value(key, data, started))
        return Part(found, "fresh", data, started + store.ttl, duration=duration)

    async def _instead(self, form: Form[T], key: str, reason: Reason, started: float, deadline: Deadline) -> Part[T]:
        (entry,) = await self._store.kept([key], deadline)
        now = self._store.clock()
        value = None if entry is None else form.value(entry)
        if entry is None or value is None:
            return Part.missing(reason, now - started)
        self._sources[form.kind]["cache"].inc()
        if entry.is_fresh(now):
            return Part(value, "fresh", entry.value, entry.fresh_until, duration=now - started)
        return Part(value, "stale", entry.value, age=now - entry.asked_at, reason=reason, duration=now - started)
