"""A log in Redis that every process watches: what one appends, all know within milliseconds. A Redis Stream.

What it is about is the owner's business: records are bytes, and each process knows a set of them that only grows, but
for those that have ended. A process reads on from the last record that it has seen when Redis tells that the log has
changed, and with every heartbeat. When that record is gone (the log was deleted, evicted, or is another Redis's), and
with each new connection, it reads from the beginning, and appends what it knows and the log has not. So a Redis that
comes back empty is told by whoever was there before, and nobody repeats what another one has said already.

Nothing that stands there is trusted: what is no record is counted, a key of another type and a log that is too large to
be read are deleted, and told anew. A user who may not append, or read, lacks only that.
"""

import asyncio
import contextlib
import random
from collections.abc import Iterable, Sequence
from contextvars import Context
from itertools import islice
from typing import Any, Final, Protocol

from shared.cache.answers import is_odd_command, is_refused, is_wrong_type
from shared.cache.redis import RedisTier, TierDown
from shared.cache.redis_errors import error_text, is_caused_by
from shared.cache.replies import MOVING, Command
from shared.cache.resp import ReplyTooLarge
from shared.cancellation import cancel_and_wait
from shared.observing import metrics
from shared.observing.logs import log, log_error

_PAGE: Final = 500
_AT_ONCE: Final = 100
"""Records that are told before it is looked what others have told."""
_FIELD: Final = b"r"
_MOST: Final = 200_000
"""Records that are kept by a Redis that cannot tell which are old (before 6.2)."""
_START_SECONDS: Final = 1.0


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


class _Refused(Exception):
    """The node is well, and does not do this command."""

    def __init__(self, command: str, reply: Exception) -> None:
        self.command = command
        self.text = error_text(reply)
        self.may_be_old = is_odd_command(reply)
        super().__init__(self.text)


class WatchedLog:
    """One of them, under ``key``; records are kept in Redis for ``keep`` seconds or a little longer."""

    def __init__(self, key: str, tier: RedisTier, records: Records, keep: float) -> None:
        self._key = key
        self._tier = tier
        self._records = records
        self._keep_ms = int(keep * 1000)
        self._last: bytes | None = None
        self._begin_again = True
        self._untold: dict[bytes, None] = {}
        self._too_large = False
        self._trims_by_age = True
        self._refusals: dict[str, str] = {}
        self._wanted = False
        self._task: asyncio.Task[None] | None = None
        self._looked = asyncio.Event()  # for the first time, with whatever result
        tier.listen(key, self._on_change)

    async def open(self) -> None:
        """Wait until the log has been read, if Redis is there, for a second at most."""
        if self._tier.up:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_START_SECONDS):
                    await self._looked.wait()

    async def close(self) -> None:
        """Read no more."""
        if self._task is not None:
            await cancel_and_wait(self._task)

    async def append(self, record: bytes) -> None:
        """Tell all others of ``record``, which this process knows already.

        Raises:
            TierDown: it is not certain that they hear of it now; they will when Redis takes it.
        """
        try:
            await self._write([record])
        except (TierDown, _Refused) as error:
            self._begin_again = True
            self._note(error)
            raise TierDown from error
        if self._refusals:
            raise TierDown

    def _on_change(self, everything: bool) -> None:
        self._begin_again = self._begin_again or everything
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work(), context=Context())

    async def _work(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                await self._catch_up()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again with the next heartbeat
                self._begin_again = self._begin_again or not isinstance(error, _Refused)
                self._note(error)
            self._looked.set()

    async def _catch_up(self) -> None:
        if self._too_large:
            await self._delete()
            self._too_large = False
        if self._begin_again or self._last is None or not await self._read_on():
            self._begin_again, self._last = False, None
            known = list(self._records.known())
            random.shuffle(known)  # so that processes which tell at the same time say little twice
            self._untold = dict.fromkeys(known)
            await self._read_on()
        told = 0
        while self._untold:
            page = list(islice(self._untold, 1 if self._refusals else _AT_ONCE))
            await self._write(page)
            told += len(page)
            for record in page:
                self._untold.pop(record, None)
            await self._read_on()
        if told:
            log("info", "log told anew", "cache", log=self._key, records=told)

    async def _read_on(self) -> bool:
        """Learn what follows the last record; returns False when that is not there any more."""
        while True:
            page = await self._page()
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

    async def _page(self) -> list[Any]:
        """The records from the last one on, that one included: whether it is there tells whether the log is the same.

        Raises:
            TierDown, _Refused: they cannot be read.
        """
        (reply,) = await self._ask(("XRANGE", self._key, self._last or b"-", b"+", b"COUNT", _PAGE))
        if is_wrong_type(reply):
            metrics.cache_unreadable.inc()
            await self._delete()
            return []
        return list(reply)

    async def _write(self, records: Sequence[bytes]) -> None:
        """Append ``records``.

        Raises:
            TierDown, _Refused: it is not certain that they are there.
        """
        try:
            replies = await self._ask(*map(self._append_command, records))
        except _Refused as error:
            if not (error.may_be_old and self._trims_by_age):
                raise
            self._trims_by_age = False
            replies = await self._ask(*map(self._append_command, records))
        if any(map(is_wrong_type, replies)):
            await self._delete()
            raise TierDown

    def _append_command(self, record: bytes) -> Command:
        oldest = max(0, self._tier.earliest_ms() - self._keep_ms)
        trim: Command = ("MINID", "~", oldest) if self._trims_by_age else ("MAXLEN", "~", _MOST)
        return ("XADD", self._key, *trim, "*", _FIELD, record)

    async def _delete(self) -> None:
        await self._ask(("UNLINK", self._key))

    async def _ask(self, *commands: Command) -> list[Any]:
        name = str(commands[0][0])
        replies = await self._tier.attempt(self._key, *commands)
        if MOVING in replies:
            raise TierDown
        refused = next(filter(is_refused, replies), None)
        if refused is not None:
            raise _Refused(name, refused)
        self._refusals.pop(name, None)
        return replies

    def _note(self, error: Exception) -> None:
        if isinstance(error, _Refused):
            if self._refusals.get(error.command) != error.text:
                self._refusals[error.command] = error.text
                log("warning", "redis refuses a log", "cache", log=self._key, command=error.command, error=error.text)
        elif isinstance(error, TierDown):  # logged and counted by the tier
            self._too_large = self._too_large or is_caused_by(error, ReplyTooLarge)
        else:
            log_error("log not read", "cache", error, log=self._key)
