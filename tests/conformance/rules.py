"""What holds of the items of a stream, one after the other: sections 5 to 7, as far as a reader can tell."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.conformance.items import Event, Form, Heartbeat, Item
from tests.conformance.sse import SSE

_STATUSES: Final = {"fresh", "stale", "partial", "missing"}
_ONE_SHOT: Final = {"done", "problem", "drain"}
_LIVE: Final = {"problem", "drain", "expired", "revoked", "limit"}
_PROBLEM: Final = ("type", "title", "status", "detail")


class Rules:
    """Goes through a stream, item by item; :meth:`broken` names the sections that it breaks."""

    def __init__(self, form: Form, *, live: bool = False, asked_with: str | None = None) -> None:
        """``asked_with`` is the id that the client has named."""
        self._form = form
        self._live = live
        self._asked_with = asked_with
        self._names: list[str] = []
        self._told: dict[str, Any] = {}
        self._last: Item | None = None
        self._complete: Event | None = None
        self._has_changed = False
        self._has_to_forget = False
        self._checks = {"begin": self._begin, "part": self._part, "complete": self._whole, "end": self._end}

    def broken(self, items: Sequence[Item], *, goes_on: bool = False) -> list[str]:
        """The sections that are broken, each with what it is about; a stream that ``goes_on`` has no end yet."""
        found = [section for item in items for section in self._next(item)]
        if not goes_on and not _is(self._last, "end"):
            found.append("5.1: there is an end")
        return found

    def _next(self, item: Item) -> Iterator[str]:
        last, self._last = self._last, item
        if _is(last, "end"):
            yield "5.1: nothing comes after the end"
        if (last is None) != _is(item, "begin"):
            yield "5.1: begin comes first, and once"
        if isinstance(item, Heartbeat):
            return
        if item.name not in self._checks:
            yield f"5.1: there is no event {item.name!r}"
        else:
            if item.id and item.name != "complete":
                yield "5.4: no other event has an id"
            if item.id == "" and item.name != "part":
                yield "6.4: no other event has an empty id"
            if item.retry is not None and item.name != "end":
                yield "5.6: no other event has a retry"
            yield from self._checks[item.name](item, item.document, last)

    def _begin(self, _item: Event, data: Any, _last: Item | None) -> Iterator[str]:
        self._names = data.get("parts", [])
        if not self._names or len({*self._names}) != len(self._names):
            yield "5.2: parts names each part, once"
        if data.get("live") is not self._live:
            yield "5.2: live says whether it is"
        if not any(isinstance(value, str) for value in data.values()):
            yield "5.2: the id is there, by its name"
        self._has_to_forget = self._asked_with is not None

    def _part(self, item: Event, data: Any, _last: Item | None) -> Iterator[str]:
        name, provenance = data.get("name"), data.get("provenance", {})
        status = provenance.get("status")
        if name not in self._names:
            yield "5.3: it is one of those that begin has named"
        if status not in _STATUSES or ("reason" in provenance) == (status == "fresh"):
            yield "5.3: its provenance is as in metadata.parts"
        if "value" not in data or (status == "missing" and data["value"] is not None):
            yield "5.3: it has a value, null when it is missing"
        if self._has_to_forget and item.id != "" and self._form is SSE:
            yield "6.4: the first part has an empty id"
        self._has_to_forget = False
        self._has_changed = True
        self._told[name] = provenance

    def _whole(self, item: Event, data: Any, _last: Item | None) -> Iterator[str]:
        metadata, etag, unchanged = data.get("metadata", {}), data.get("etag", ""), data.get("unchanged", False)
        parts = metadata.get("parts", {})
        is_fresh = all(one.get("status") == "fresh" for one in parts.values())
        if [*parts] != self._names or metadata.get("partial") is is_fresh:
            yield "5.4: metadata is that of the JSON answer"
        if any(_but_for_age(parts.get(name)) != _but_for_age(told) for name, told in self._told.items()):
            yield "5.4: metadata has the provenance that was told"
        if etag is None if is_fresh else etag is not None:
            yield "5.4: the entity tag is null where a part is not fresh"
        if etag != (None if item.id is None else f'W/"{item.id}"'):
            yield "5.4: the id is the digest of the entity tag"
        if self._complete is not None and not self._live:
            yield "5.1: a one-shot stream has one complete"
        if unchanged == self._has_changed:
            yield "5.4: unchanged says that no part has come"
        if not self._complete and (item.id != self._asked_with if unchanged else {*self._names} != {*self._told}):
            yield "5.1: each part was told, or the client has named this state"
        self._complete, self._has_changed = item, False
        self._has_to_forget = item.id is not None

    def _end(self, item: Event, data: Any, last: Item | None) -> Iterator[str]:
        reason, retry = data.get("reason"), data.get("retry")
        if reason not in (_LIVE if self._live else _ONE_SHOT):
            yield "5.5: there is such a reason for such a stream"
        if reason == "done" and not _is(last, "complete"):
            yield "5.1: complete is right before the end"
        if (reason == "problem") != all(name in data.get("problem", {}) for name in _PROBLEM):
            yield "5.5: problem is the problem document"
        if not isinstance(retry, int if reason == "drain" else int | None):
            yield "5.6: retry says when to come back"
        if self._form is SSE and item.retry != retry:
            yield "5.6: retry is a field of the event too"


def _is(item: Item | None, what: str) -> bool:
    """Whether it is an event of this name, or this between events."""
    return item is not None and item[0] == what


def _but_for_age(provenance: Any) -> Any:
    return {name: value for name, value in (provenance or {}).items() if name != "age"}
