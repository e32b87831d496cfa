"""Reads the records that others append to a Redis Stream, in each process, from where it was (``watched_stream``).

A process that starts begins so many seconds back, with whatever could still outdate something. It goes on from the last
record that its owner has taken, also after Redis was away. When that record is gone (the stream was trimmed below it,
deleted, or is another Redis's), it is not known what it has missed: all that was kept before is worth nothing then, and
it begins with whatever stands there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

from shared.cache.redis_client import RedisClient, TierDown
from shared.cache.watched_stream import Record, WatchedStream
from shared.observing import metrics
from shared.observing.logs import log

_PAGE: Final = 100
_AT_ONCE: Final = 20
_AT_ONCE_BYTES: Final = 128 * 1024
"""Records that are taken in one turn of the loop, and what they hold: whichever is less, but for a single one."""
_CLOCKS_SECONDS: Final = 60.0
"""By which the clocks of two nodes may differ."""

Take = Callable[[Sequence[bytes | None], bool], Awaitable[bool]]
"""Takes what records hold (None: nothing of ours), and tells whether they are done with; else it gets them again.

It is told whether they have been appended just now, as far as anybody can tell, rather than while nobody looked.
"""


class EventStream:
    """The stream under ``key``, whose records have one ``field``; a resource, inside the cache's own life."""

    def __init__(
        self,
        key: str,
        redis: RedisClient,
        take: Take,
        lose: Callable[[str], Awaitable[bool]],
        *,
        field: str,
        back: float,
    ) -> None:
        """A start begins ``back`` seconds ago.

        ``lose`` is called with where the last record was when that is gone; it tells whether nothing that was kept
        before is trusted any more.
        """
        self._redis = redis
        self._take = take
        self._lose = lose
        self._field = field.encode()
        self._back_ms = int((back + _CLOCKS_SECONDS) * 1000)
        self._last: bytes | None = None
        self._begin: bytes | None = None
        self._is_live = False
        self._stream = WatchedStream(key, redis, self._read_on)
        metrics.events_readable.set(0)

    async def __aenter__(self) -> Self:
        """Wait until all that stands there has been taken, if Redis is there, for a second at most."""
        await self._stream.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Read no more."""
        await self._stream.close()

    async def _read_on(self, _in_doubt: bool) -> None:
        try:
            while await self._take_page():
                pass
        except Exception:
            metrics.events_readable.set(0)
            raise
        self._is_live = True
        metrics.events_readable.set(1)

    async def _take_page(self) -> bool:
        """Take what follows the last record; tells whether there may be more."""
        page = await self._stream.page(self._last or self._begin or self._first(), _PAGE)
        if self._last is not None:
            if not page or page[0][0] != self._last:
                await self._lost(self._last)
                return True
            del page[0]
        for last, some in self._slices(page):
            if not await self._take(some, self._is_live):
                raise TierDown
            self._last = last
            await asyncio.sleep(0)
        return len(page) >= _PAGE - 1

    def _slices(self, page: Sequence[Record]) -> Iterator[tuple[bytes, Sequence[bytes | None]]]:
        """What is taken at once, each with the id of the last record."""
        some, size = list[bytes | None](), 0
        for number, (record_id, fields) in enumerate(page, start=1):
            held = fields[1] if len(fields) == 2 and fields[0] == self._field else None
            some.append(held)
            size += len(held or b"")
            if len(some) == _AT_ONCE or size >= _AT_ONCE_BYTES or number == len(page):
                yield record_id, some
                some, size = [], 0

    def _first(self) -> bytes:
        return b"%d" % max(0, self._redis.earliest_ms() - self._back_ms)

    async def _lost(self, last: bytes) -> None:
        log("warning", "events lost", "cache", stream=self._stream.key)
        if not await self._lose(last.decode()):
            raise TierDown
        self._last, self._begin, self._is_live = None, b"-", False
