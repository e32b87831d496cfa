"""The two aiocache stores, configured: the one module that knows aiocache.

aiocache brings the interface and the Redis commands. It has no bound in memory, wraps every call in a timeout of its
own and builds a Redis client with defaults of its own; those three are replaced here. What it wraps round each call
costs more than the call, so what a request waits for has a way in of its own, past that.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from aiocache import RedisCache, SimpleMemoryCache
from aiocache.serializers import NullSerializer

from shared import metrics
from shared.cache.entry import Entry, StoredEntry
from shared.cache.links import Found, Links, usable
from shared.cache.replies import Command

Answers = asyncio.Future[list[Any]]
"""What Redis will have answered to commands that were sent together."""


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
        self._measured = True

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
        if self._measured:  # once for all that is placed and dropped in one turn of the loop
            self._measured = False
            try:
                asyncio.get_running_loop().call_soon(self._publish)
            except RuntimeError:  # there is no loop
                self._publish()

    def _publish(self) -> None:
        self._measured = True
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
            (key, ("SET", key, stored.to_bytes(), "PX", stored.kept_ms)) for key, stored in pairs
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
