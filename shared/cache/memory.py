"""The memory store: an LRU of entries, bounded in number and in bytes."""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from shared.cache.entry import Entry
from shared.cache.keys import beginning_of_variant
from shared.observing import metrics

_VARIANT_BYTES: Final = 500
"""What it takes to find an entry by how its key begins."""
_NEGATIVE_SHARE: Final = 10
_MIN_NEGATIVE: Final = 16


class _Index:
    """Keys by name; a single one stands there itself, for a set of it would take more than all else."""

    def __init__(self) -> None:
        self._keys: dict[str, str | set[str]] = {}

    def get(self, name: str) -> set[str]:
        keys = self._keys.get(name)
        return keys if isinstance(keys, set) else {keys} if keys else set()

    def take(self, name: str) -> set[str]:
        keys = self.get(name)
        self._keys.pop(name, None)
        return keys

    def add(self, names: Iterable[str], key: str) -> None:
        index = self._keys
        for name in names:
            keys = index.get(name)
            if type(keys) is set:
                keys.add(key)
            elif type(keys) is str and keys != key:
                index[name] = {keys, key}
            else:
                index[name] = key

    def discard(self, names: Iterable[str], key: str) -> None:
        index = self._keys
        for name in names:
            keys = index.get(name)
            if type(keys) is set:
                keys.discard(key)
                if not keys:
                    del index[name]
            elif keys == key:  # or they have been taken
                del index[name]

    def clear(self) -> None:
        self._keys.clear()


class _Lru:
    """Entries with what they take, least recently used ones first."""

    def __init__(self, capacity: int, max_bytes: int) -> None:
        self.bytes = 0
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self.variants = _Index()
        self.tagged = _Index()
        self._capacity = capacity
        self._max_bytes = max_bytes

    @property
    def room(self) -> int:
        count = len(self.entries)
        by_bytes = (self._max_bytes - self.bytes) * count // self.bytes if count else self._capacity
        return min(self._capacity - count, by_bytes)

    def peek(self, key: str) -> Entry | None:
        entry = self.entries.get(key)
        if entry is not None:
            self.entries.move_to_end(key)
        return entry

    def put(self, key: str, entry: Entry) -> None:
        beginning = beginning_of_variant(key)
        size = entry.size(key) + (_VARIANT_BYTES if beginning else 0)
        if size > self._max_bytes:
            return
        self.entries[key] = entry
        self.bytes += size
        if beginning:
            self.variants.add((beginning,), key)
        if entry.tags:
            self.tagged.add(entry.tags, key)
        while self.bytes > self._max_bytes or len(self.entries) > self._capacity:
            self._gone(*self.entries.popitem(last=False))

    def drop(self, key: str) -> bool:
        entry = self.entries.pop(key, None)
        if entry is not None:
            self._gone(key, entry)
        return entry is not None

    def clear(self) -> None:
        self.entries.clear()
        self.variants.clear()
        self.tagged.clear()
        self.bytes = 0

    def find_again(self, key: str, tag: str) -> None:
        entry = self.entries.get(key)
        if entry is not None and tag in entry.tags:
            self.tagged.add((tag,), key)

    def _gone(self, key: str, entry: Entry) -> None:
        self.bytes -= entry.size(key)
        beginning = beginning_of_variant(key)
        if beginning:
            self.bytes -= _VARIANT_BYTES
            self.variants.discard((beginning,), key)
        self.tagged.discard(entry.tags, key)


class MemoryStore:
    """Entries by key, bounded in number and in bytes; the least recently used one goes first.

    What is negative has a small room of its own, so that asking for things that there are not, however many, costs
    nothing that there is. An entry carries its own times, so there are no timers.
    """

    def __init__(self, capacity: int, max_bytes: int = sys.maxsize) -> None:
        """At most ``capacity`` entries, and a tenth of that, at least 16, of negative ones; within ``max_bytes``."""
        self._present = _Lru(capacity, max_bytes - max_bytes // _NEGATIVE_SHARE)
        self._absent = _Lru(max(_MIN_NEGATIVE, capacity // _NEGATIVE_SHARE), max_bytes // _NEGATIVE_SHARE)
        self._lists = (self._present, self._absent)
        self._entries = self._present.entries
        self._measured = True

    @property
    def bytes(self) -> int:
        """What all entries take."""
        return self._present.bytes + self._absent.bytes

    @property
    def room(self) -> int:
        """How many further entries, each as large as those there are, would cost none of them; negative ones apart."""
        return self._present.room

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._present.entries) + len(self._absent.entries)

    def __iter__(self) -> Iterator[str]:
        """The keys of all entries."""
        return chain.from_iterable(lru.entries for lru in self._lists)

    def variants(self, beginning: str) -> set[str]:
        """The keys of entries that have a variant behind this ``beginning``."""
        return {key for lru in self._lists for key in lru.variants.get(beginning)}

    def take_tagged(self, tag: str) -> Iterable[set[str]]:
        """The keys of entries that carry ``tag`` besides their own, however many: they are not copied.

        An entry is not found again by it before :meth:`find_again`.
        """
        return [keys for lru in self._lists if (keys := lru.tagged.take(tag))]

    def find_again(self, key: str, tag: str) -> None:
        """From now on the entry under ``key``, if it carries ``tag``, is found by that again."""
        for lru in self._lists:
            lru.find_again(key, tag)

    def hottest(self, most: int, now: float) -> list[str]:
        """The keys of what is fresh ``now`` among the ``most`` most recently used, these first; of nothing negative."""
        latest = islice(reversed(self._entries.items()), most)
        return [key for key, entry in latest if entry.is_fresh(now)]

    def peek(self, key: str) -> Entry | None:
        """The entry under ``key``, which becomes the most recently used."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
            return entry
        return self._absent.peek(key) if self._absent.entries else None

    def peek_all(self, keys: Sequence[str]) -> list[Entry] | None:
        """What :meth:`peek` gives for each of these; None where it gives nothing for one, or what is negative."""
        try:
            list(map(self._entries.move_to_end, keys))
        except KeyError:
            return None
        return [self._entries[key] for key in keys]

    def get(self, key: str) -> Entry | None:
        """The entry under ``key``, without using it."""
        return self._entries.get(key) or self._absent.entries.get(key)

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """All keys with their entries, without using them."""
        return chain.from_iterable(lru.entries.items() for lru in self._lists)

    def put(self, key: str, entry: Entry) -> None:
        """Keep ``entry``, at the cost of the least recently used ones; not one that would cost all of them."""
        if key in self._entries or key in self._absent.entries:
            self.drop(key)
        (self._absent if entry.negative else self._present).put(key, entry)
        if self._measured:
            self._schedule_publish()

    def drop(self, key: str) -> bool:
        """Forget ``key``; tells whether it was there."""
        dropped = any(lru.drop(key) for lru in self._lists)
        if dropped:
            self._schedule_publish()
        return dropped

    def outdate(self, key: str, now: float) -> None:
        """Let what is under ``key`` be current no longer than until ``now``; what is of no use then is forgotten."""
        entry = self.get(key)
        if entry is not None and entry.stale_until > max(now, entry.fresh_until):
            entry.outdate(now)
        else:
            self.drop(key)

    def drop_asked_before(self, instant: float) -> None:
        """Forget what was asked for before ``instant`` on the clock of the entries."""
        for key in [key for key, entry in self.entries() if entry.asked_at < instant]:
            self.drop(key)

    def clear(self) -> None:
        """Forget everything."""
        for lru in self._lists:
            lru.clear()
        self._schedule_publish()

    def _schedule_publish(self) -> None:
        if self._measured:  # once for all that is placed and dropped in one turn of the loop
            self._measured = False
            try:
                asyncio.get_running_loop().call_soon(self._publish)
            except RuntimeError:  # there is no loop
                self._publish()

    def _publish(self) -> None:
        self._measured = True
        metrics.cache_memory_entries.set(len(self))
        metrics.cache_memory_bytes.set(self.bytes)
