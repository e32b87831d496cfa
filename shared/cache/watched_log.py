"""A log in Redis that every process watches: what one appends, all know within milliseconds (``watched_stream``).

What it is about is the owner's business: records are bytes, and each process knows a set of them that only grows, but
for those that have ended. A process reads on from the last record that it has seen. When that record is gone (the log
was deleted, evicted, or is another Redis's), and with each new connection, it reads from the beginning, and appends
what it knows and the log has not. So a Redis that comes back empty is told by whoever was there before, and nobody
repeats what another one has said already.

Nothing that stands there is trusted: what is no record is counted, and what is deleted, because it can be no log, is
told anew.
"""

import random
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final, Protocol

from shared.cache.answers import is_wrong_type
from shared.cache.redis_client import RedisClient, TierDown
from shared.cache.replies import Command
from shared.cache.watched_stream import StreamRefused, WatchedStream
from shared.observing import metrics
from shared.observing.logs import log

_PAGE: Final = 500
_AT_ONCE: Final = 100
"""Records that are told before it is looked what others have told."""
_FIELD: Final = b"r"
_MOST: Final = 200_000
"""Records that are kept by a Redis that cannot tell which are old (before 6.2)."""


class Records(Protocol):
    """What this process knows."""

    def known(self) -> Iterable[bytes]:
        """All that the log has to have."""
        ...

    def learn(self, records: Sequence[bytes]) -> int:
        """Know of these too, in whichever order and however often they come; returns how many of them are none.

        Called without any as well, twice a second.
        """
        ...


class WatchedLog:
    """One of them, under ``key``; records are kept in Redis for ``keep`` seconds or a little longer."""

    def __init__(self, key: str, tier: RedisClient, records: Records, keep: float) -> None:
        self._tier = tier
        self._records = records
        self._keep_ms = int(keep * 1000)
        self._last: bytes | None = None
        self._untold: dict[bytes, None] = {}
        self._trims_by_age = True
        self._stream = WatchedStream(key, tier, self._catch_up)
        self.open = self._stream.open
        self.close = self._stream.close

    async def append(self, record: bytes) -> None:
        """Tell all others of ``record``, which this process knows already.

        Raises:
            TierDown: it is not certain that they hear of it now; they will when Redis takes it.
        """
        try:
            await self._write([record])
        except (TierDown, StreamRefused) as error:
            self._stream.failed(error)
            raise TierDown from error
        if self._stream.is_refused:
            raise TierDown

    async def _catch_up(self, begin_again: bool) -> None:
        if begin_again or self._last is None or not await self._read_on():
            self._last = None
            known = list(self._records.known())
            random.shuffle(known)  # so that processes which tell at the same time say little twice
            self._untold = dict.fromkeys(known)
            await self._read_on()
        told = 0
        while self._untold:
            page = list(islice(self._untold, 1 if self._stream.is_refused else _AT_ONCE))
            await self._write(page)
            told += len(page)
            for record in page:
                self._untold.pop(record, None)
            await self._read_on()
        if told:
            log("info", "log told anew", "cache", log=self._stream.key, records=told)

    async def _read_on(self) -> bool:
        """Learn what follows the last record; returns False when that is not there any more."""
        while True:
            # The last one is read again: whether it is there tells whether the log is the same.
            page = await self._stream.page(self._last or b"-", _PAGE)
            if self._last is not None:
                if not page or page[0][0] != self._last:
                    return False
                del page[0]
            self._learn([fields for _, fields in page])
            if page:
                self._last = page[-1][0]
            if len(page) < _PAGE - 1:
                return True

    def _learn(self, entries: Sequence[list[Any]]) -> None:
        records = [fields[1] for fields in entries if len(fields) == 2 and fields[0] == _FIELD]
        unreadable = len(entries) - len(records) + self._records.learn(records)
        if unreadable:
            metrics.cache_unreadable.inc(unreadable)
        for record in records:
            self._untold.pop(record, None)

    async def _write(self, records: Sequence[bytes]) -> None:
        """Append ``records``.

        Raises:
            TierDown, StreamRefused: it is not certain that they are there.
        """
        try:
            replies = await self._stream.ask(*map(self._append_command, records))
        except StreamRefused as error:
            if not (error.may_be_old and self._trims_by_age):
                raise
            self._trims_by_age = False
            replies = await self._stream.ask(*map(self._append_command, records))
        if any(map(is_wrong_type, replies)):
            await self._stream.delete()
            raise TierDown

    def _append_command(self, record: bytes) -> Command:
        oldest = max(0, self._tier.earliest_ms() - self._keep_ms)
        trim: Command = ("MINID", "~", oldest) if self._trims_by_age else ("MAXLEN", "~", _MOST)
        return ("XADD", self._stream.key, *trim, "*", _FIELD, record)
