"""Items that are all at hand in memory, as nearly always: taken in one pass, with what follows from an id made once."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from bff.parts.by_id import join_labelled, label
from bff.parts.keyed import KeyedPart
from bff.parts.part import Part
from bff.parts.store import PartStore
from shared.cache.loader import Loading

T = TypeVar("T")

_MAX_NAMES: Final = 10_000
"""It is remembered of at most so many items what they are called: 6 MB if all of these are as long as can be."""


class _Names(NamedTuple):
    """What an item is called: in the cache, by who purges it, and in a document."""

    id: str
    key: str
    tag: str
    label: bytes


class AtHand(Generic[T]):
    """The items of one part, so far as they were at hand before."""

    def __init__(self, part: KeyedPart[T], store: PartStore) -> None:
        self._part = part
        self._store = store
        self._names: dict[str, _Names] = {}

    def take(self, wanted: Sequence[str], now: float, loading: Loading) -> Part[Mapping[str, T]] | None:
        """The part where memory has each item, and as current; None where there may be more to do.

        An early load, which does not take all that is current, is one for which there may be.
        """
        names: Any = [*map(self._names.get, wanted)]
        if loading.early or None in names:
            return None
        if (entries := self._store.cache.at_hand([key for _, key, _, _ in names])) is None:
            return None
        items: dict[str, Any] = {}
        json: list[bytes] = []
        tags: list[str] = []
        lives = [now + self._store.ttl]
        for (item_id, _, tag, of_item), entry in zip(names, entries, strict=True):
            if entry.decoded is None:
                return None
            items[item_id] = entry.decoded
            json.append(of_item)
            json.append(entry.value)
            tags.append(tag)
            lives.append(entry.fresh_until)
        until = min(lives)
        if until <= now:
            return None
        if self._part.tag is not None:
            loading.depend_on(tags, checked=True)
        return Part(items, "fresh", b"{%b}" % join_labelled(json), until)

    def remember(self, keys: Mapping[str, str]) -> None:
        """These items, whose ids are identifiers, have been at hand; ``keys`` are those of their entries."""
        for item_id in keys.keys() - self._names.keys():
            key = keys[item_id]
            self._names[item_id] = _Names(item_id, key, f"{self._part.tag}:{item_id}", label(item_id))
        while len(self._names) > _MAX_NAMES:
            del self._names[next(iter(self._names))]
