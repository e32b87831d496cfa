"""The two aiocache stores, configured: the one module that knows aiocache.

aiocache brings the interface and the Redis commands. It has no bound in memory, wraps every call in a timeout of its
own and builds a Redis client with defaults of its own; those three are replaced here. What it wraps round each call
costs more than the call, so what a request waits for has a way in of its own, past that.
"""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from aiocache import RedisCache, SimpleMemoryCache
from aiocache.serializers import NullSerializer

from shared import metrics
from shared.cache.entry import Entry, StoredEntry
from shared.cache.links import Found, Links, usable
from shared.cache.replies import Command

Answers = asyncio.Future[list[Any]]
"""What Redis will have answered to commands that were sent together."""

_NEGATIVE_SHARE: Final = 10
_NEGATIVE_LEAST: Final = 16


class _Room:
    """Entries with what they take, least recently used ones first."""

    def __init__(self, capacity: int, most_bytes: int) -> None:
        self.bytes = 0
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self._capacity = capacity
        self._most_bytes = most_bytes

    def peek(self, key: str) -> Entry | None:
        entry = self.entries.get(key)
        if entry is not None:
            self.entries.move_to_end(key)
        return entry

    def place(self, key: str, entry: Entry) -> None:
        size = entry.size(key)
        if size > self._most_bytes:
            return
        self.entries[key] = entry
        self.bytes += size
        while self.bytes > self._most_bytes or len(self.entries) > self._capacity:
            oldest, gone = self.entries.popitem(last=False)
            self.bytes -= gone.size(oldest)

    def drop(self, key: str) -> bool:
        entry = self.entries.pop(key, None)
        if entry is None:
            return False
        self.bytes -= entry.size(key)
        return True

    def empty(self) -> None:
        self.entries.clear()
        self.bytes = 0


class MemoryStore(SimpleMemoryCache):
    """Entries by key, bounded in number and in bytes; the least recently used one goes first.

    What is negative has a small room of its own, so that asking for things that there are not, however many, costs
    nothing that there is. An entry carries its own times, so there are no timers. What works without awaiting is open
    to synchronous callers as :meth:`peek`, :meth:`place` and :meth:`drop`.
    """

    def __init__(self, capacity: int, most_bytes: int = sys.maxsize) -> None:
        """At most ``capacity`` entries, and a tenth of that, at least 16, of negative ones; within ``most_bytes``."""
        super().__init__(timeout=0)  # type: ignore[no-untyped-call]
        self._there = _Room(capacity, most_bytes - most_bytes // _NEGATIVE_SHARE)
        self._absent = _Room(max(_NEGATIVE_LEAST, capacity // _NEGATIVE_SHARE), most_bytes // _NEGATIVE_SHARE)
        self._rooms = (self._there, self._absent)
        self._entries = self._there.entries
        self._measured = True

    @property
    def bytes(self) -> int:
        """What all entries take."""
        return self._there.bytes + self._absent.bytes

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._there.entries) + len(self._absent.entries)

    def peek(self, key: str) -> Entry | None:
        """The entry under ``key``, which becomes the most recently used."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
            return entry
        return self._absent.peek(key) if self._absent.entries else None

    def place(self, key: str, entry: Entry) -> None:
        """Keep ``entry``, at the cost of the least recently used ones; not one that would cost all of them."""
        if key in self._entries or key in self._absent.entries:
            self.drop(key)
        (self._absent if entry.negative else self._there).place(key, entry)
        self._measure()

    def drop(self, key: str) -> bool:
        """Forget ``key``; tells whether it was there."""
        if not any(room.drop(key) for room in self._rooms):
            return False
        self._measure()
        return True

    def empty(self) -> None:
        """Forget everything."""
        for room in self._rooms:
            room.empty()
        self._measure()

    def _measure(self) -> None:
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

    async def _get(self, key: str, encoding: str | None = "utf-8", _conn: object = None) -> Entry | None:  # noqa: ARG002
        return self.peek(key)

    async def _set(
        self,
        key: str,
        value: Entry,
        ttl: float | None = None,  # noqa: ARG002 - the entry knows its times
        _cas_token: object = None,
        _conn: object = None,
    ) -> bool:
        self.place(key, value)
        return True

    async def _delete(self, key: str, _conn: object = None) -> int:
        return int(self.drop(key))


class RedisStore(RedisCache):
    """Bytes by key in Redis, through links of our own.

    :meth:`read`, :meth:`read_after` and :meth:`post` are what aiocache's own methods do, without its wrapping.
    """

    def __init__(self, links: Links) -> None:
        super().__init__(serializer=NullSerializer(encoding=None), timeout=0)  # type: ignore[no-untyped-call]
        self._links = links
        self.read = links.read
        self.read_after = links.read_after

    def post(self, pairs: Iterable[tuple[str, StoredEntry]], delete: Sequence[str] = ()) -> list[Answers]:
        """Send entries to be stored, and then keys to be deleted, without waiting for the answers.

        Raises:
            LinkLost: Redis is away.
        """
        commands: list[tuple[str, Command]] = [
            (key, ("SET", key, stored.to_bytes(key), "PX", stored.kept_ms)) for key, stored in pairs
        ]
        commands.extend((key, ("UNLINK", key)) for key in delete)
        return self._links.post(commands)

    async def _multi_get(
        self,
        keys: Sequence[str],
        encoding: str | None = "utf-8",  # noqa: ARG002 - bytes stay bytes
        _conn: object = None,
    ) -> list[Found]:
        return await self._links.read(keys)

    async def _get(self, key: str, encoding: str | None = "utf-8", _conn: object = None) -> bytes | None:  # noqa: ARG002
        return (await self._links.read([key]))[0].data

    async def _multi_set(
        self,
        pairs: Sequence[tuple[str, StoredEntry]],
        ttl: float | None = None,  # noqa: ARG002 - each entry knows its own
        _conn: object = None,
    ) -> bool:
        for answers in self.post(pairs):
            usable(await answers)
        return True

    async def _delete(self, key: str, _conn: object = None) -> int:
        for answers in self.post((), [key]):
            usable(await answers)
        return 1

    async def _close(self, *_arguments: object, **_options: object) -> None:
        await self._links.close()
