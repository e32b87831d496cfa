"""The source of a single part: current from memory, else from its service, else last known good."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

from bff.parts.declaring import tags_in
from bff.parts.part import Part
from bff.parts.single import SinglePart
from bff.parts.store import PartStore
from shared.cache.cache import Value
from shared.cache.loader import Loading
from shared.errors import BadResponse, Reason, UpstreamError
from shared.observing import metrics
from shared.upstream.call import Call, Send
from shared.upstream.reading import checking_subject, json_of, json_or_absent

T = TypeVar("T")

_ALL: Final = "all"
"""The subject of a part that is the same for everybody."""


class SingleSource(Generic[T]):
    """Gives one declared part, of whomever it is asked for."""

    def __init__(self, part: SinglePart[T], call: Send, store: PartStore) -> None:
        """``call`` asks the part's service; ``store`` has the part's own times."""
        self._part = part
        self._send = call
        self._store = store
        self._clock = store.cache.clock
        self._beginning = store.cache.keys.entry_prefix(part.name)
        self._sources = {name: metrics.part_sources.labels(part.name, name) for name in ("cache", "service")}
        read: Any = json_or_absent(part.shape) if part.may_be_absent else json_of(part.shape)
        self._read = checking_subject(read, part.codec.is_about)
        self._subject = part.subject
        self._further = [name for name in part.path.parameters if name != part.subject]

    async def get(self, parameters: Mapping[str, str], loading: Loading, keep: Callable[[Value], None]) -> Part[T]:
        """The part for these ``parameters``, all that its path has.

        A service that says that there is none makes a fresh part without a value. ``keep`` is given what is to be kept
        for the next time. For an early load only what is nearly new is taken from memory.
        """
        part, store, deadline = self._part, self._store, loading.deadline
        started = self._clock()
        subject = _ALL if self._subject is None else parameters[self._subject]
        key = f"{self._beginning}{subject}}}{self._variant(parameters) if self._further else ''}"
        if part.tag is not None and (tag := f"{part.tag}:{subject}") not in loading.own:
            loading.depend_on((tag,))
        entry = store.cache.kept_near(key)
        is_current = entry is not None and (entry.is_new(started) if loading.early else not entry.is_due(started))
        if entry is not None and is_current and (value := part.codec.decode_entry(entry)) is not None:
            self._sources["cache"].inc()
            if entry.tags:
                loading.depend_on(entry.tags)
            return loading.progress.told(part.name, Part(value, "fresh", entry.value, entry.fresh_until))
        reason = store.throttle.reason(key)
        if reason is not None:
            return loading.progress.told(part.name, await self._last_known_good(key, reason, started, loading))
        try:
            path = part.path.filled(parameters)
        except ValueError:  # another service has named something that cannot be asked for
            return loading.progress.told(part.name, Part[T].missing(BadResponse.reason))
        loading.extend_to(key)
        if loading.is_blind:
            await loading.read_stamps()
        try:
            call = Call(path, partial(self._read, subject), deadline, template=part.path.text, safe=True)
            found = await self._send(call)
            tags = () if found is None or part.tags is None else tags_in(found, part.tags)
        except UpstreamError as error:
            store.record_failure(key, error, deadline)
            return loading.progress.told(part.name, await self._last_known_good(key, error.reason, started, loading))
        self._sources["service"].inc()
        duration = self._clock() - started
        if found is None:
            loading.forget(key)  # else it could come back to life as a stale part
            return loading.progress.told(
                part.name, Part[T](None, "fresh", fresh_until=started + store.ttl, duration=duration)
            )
        data = part.codec.encode(found)
        if tags:
            loading.tag(key, tags)
        keep(store.value(key, data, started, tags=tags))
        return loading.progress.told(part.name, Part(found, "fresh", data, started + store.ttl, duration=duration))

    def _variant(self, parameters: Mapping[str, str]) -> str:
        return "".join(f":{quote(parameters[name], safe='')}" for name in self._further)

    async def _last_known_good(self, key: str, reason: Reason, started: float, loading: Loading) -> Part[T]:
        (entry,) = await self._store.kept([key], loading.deadline)
        now = self._clock()
        value = None if entry is None else self._part.codec.decode_entry(entry)
        if entry is None or value is None:
            return Part.missing(reason, now - started)
        loading.depend_on(entry.tags)
        self._sources["cache"].inc()
        if entry.is_fresh(now):
            return Part(value, "fresh", entry.value, entry.fresh_until, duration=now - started)
        return Part(value, "stale", entry.value, age=now - entry.asked_at, reason=reason, duration=now - started)
