"""The two aiocache stores, configured: the one module that knows aiocache.

aiocache brings the interface and the Redis commands. It has no bound in memory, wraps every call in a timeout of its
own and builds a Redis client with defaults of its own; those three are replaced here.
"""

from collections import OrderedDict
from collections.abc import Sequence

from aiocache import RedisCache, SimpleMemoryCache
from aiocache.serializers import NullSerializer

from shared import metrics
from shared.cache.entry import Entry, StoredEntry
from shared.cache.links import Found, Links


class MemoryStore(SimpleMemoryCache):
    """Entries by key, bounded; the least recently used one goes first.

    An entry carries its own times, so there are no timers. What works without awaiting is open to synchronous callers
    as :meth:`peek`, :meth:`place` and :meth:`drop`.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(timeout=0)  # type: ignore[no-untyped-call]
        self.capacity = capacity
        self.bytes = 0
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._entries)

    def peek(self, key: str) -> Entry | None:
        """The entry under ``key``, which becomes the most recently used."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def place(self, key: str, entry: Entry) -> None:
        """Keep ``entry``, at the cost of the least recently used one when there are too many."""
        self.drop(key)
        self._entries[key] = entry
        self.bytes += len(key) + len(entry.value)
        if len(self._entries) > self.capacity:
            self.drop(next(iter(self._entries)))
        self._measure()

    def drop(self, key: str) -> bool:
        """Forget ``key``; tells whether it was there."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        self.bytes -= len(key) + len(entry.value)
        self._measure()
        return True

    def empty(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.bytes = 0
        self._measure()

    def _measure(self) -> None:
        metrics.cache_memory_entries.set(len(self._entries))
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
    """Bytes by key in Redis, through links of our own."""

    def __init__(self, links: Links) -> None:
        super().__init__(serializer=NullSerializer(encoding=None), timeout=0)  # type: ignore[no-untyped-call]
        self._links = links

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
        await self._links.write([(key, stored.to_bytes(), stored.kept_ms) for key, stored in pairs])
        return True

    async def _delete(self, key: str, _conn: object = None) -> int:
        await self._links.write([], delete=[key])
        return 1

    async def _close(self, *_arguments: object, **_options: object) -> None:
        await self._links.close()
