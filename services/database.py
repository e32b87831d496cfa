"""A service's database: available or away, watched and made ready by one background task.

Nothing waits for the database but that task. While it is away requests are refused at once; it comes back by itself.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from sqlalchemy import select

from services import deadline_header
from services.bootstrap import DataSet, bootstrap
from services.bounded import CLOSE_SECONDS, DatabaseFailure, DatabaseSlow, reason
from services.engines import VERSION_TABLE, file_of, reading_engine, writing_engine
from services.reading import Reader, Record, Statement
from services.settings import ServiceSettings
from services.sqlite_file import version
from services.writing import Change, Writer
from shared.errors import ServiceUnavailable
from shared.observing.background import keep_running
from shared.observing.logs import log, log_deduplicated

T = TypeVar("T")

_BOOTSTRAP_SECONDS: Final = 30.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0
_WATCH_SECONDS: Final = 5.0
_PING_SECONDS: Final = 1.0

AWAY: Final = ServiceUnavailable("The database is not available at the moment.", retry_after=1)
"""What clients are told while there is no database."""


class Database:
    """The database of ``service``; an async context manager that keeps it usable while it is entered."""

    def __init__(self, service: str, settings: ServiceSettings, data_set: DataSet) -> None:
        self._url = settings.database_url
        self._service = service
        self._timeout = settings.database_timeout
        self._pool_size = settings.database_pool_size
        self._data_set = data_set
        self._ping = select(data_set.metadata.tables[VERSION_TABLE].c.version)
        self._available = False
        self._takes_changes = False
        self._file = file_of(self._url)
        self._name = blake2b(self._url.set(password=None).render_as_string().encode(), digest_size=8).hexdigest()
        self._failure_reported = asyncio.Event()
        self._broken = False

    async def __aenter__(self) -> Self:
        self._reader = Reader(
            partial(reading_engine, self._url, self._service, self._pool_size, self._timeout),
        )
        self._writer = Writer(partial(writing_engine, self._url, self._service, self._timeout))
        self._task = asyncio.create_task(keep_running(self._maintain, "database"))
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)
        await asyncio.gather(self._reader.close(), self._writer.close())

    @property
    def file(self) -> Path | None:
        """The SQLite file that it is; None of a server's."""
        return self._file

    def ready(self) -> bool:
        """Whether schema and data set are there and the last check succeeded."""
        return self._available

    def takes_changes(self) -> bool:
        """Whether there is what is needed to change something."""
        return self._available and self._takes_changes

    def source(self) -> str | None:
        """Names what rows come from at the moment; another file in the place of one has another name.

        None while there is nothing to read from.
        """
        if not self._available:
            return None
        if self._file is None:
            return self._name
        there = version(self._file)
        return None if there is None else f"{self._name}:{there}"

    async def rows(self, statement: Statement, **parameters: Any) -> Sequence[Record]:
        """All rows of ``statement`` with the values of its bound parameters.

        Raises:
            ServiceUnavailable: the database is away, or too slow, or the caller has no time left.
        """
        timeout = self._time_left()
        try:
            return await self._reader.rows(statement, parameters, timeout)
        except DatabaseFailure as failure:
            if timeout == self._timeout or not isinstance(failure, DatabaseSlow):
                self._report_failure(failure)  # else it was the caller who had little time
            raise ServiceUnavailable("The database did not answer.", retry_after=1) from failure

    async def change(self, change: Change[T]) -> T:
        """What ``change`` gives, whose statements take effect together or not at all.

        Raises:
            ServiceUnavailable: the database is away, or too slow, or takes no changes, or the caller has no time left.
                If it had begun, the change may have been made nevertheless.
            Whatever ``change`` raises; then nothing has changed.
        """
        timeout = self._time_left()
        if not self._takes_changes:
            raise ServiceUnavailable("The database takes no changes.", retry_after=60)
        try:
            return await self._writer.change(change, timeout)
        except DatabaseFailure as failure:
            if timeout == self._timeout or not isinstance(failure, DatabaseSlow):
                log_deduplicated("warning", "change failed", "database", reason=str(failure))
            if not isinstance(failure, DatabaseSlow):
                self._failure_reported.set()  # whether it can be read, is looked at
            raise ServiceUnavailable("The database did not take the change.", retry_after=1) from failure

    def _time_left(self) -> float:
        """Seconds for a statement.

        Raises:
            ServiceUnavailable: there is no database, or no time.
        """
        if not self._available:
            raise ServiceUnavailable(AWAY.detail, AWAY.retry_after)
        timeout = deadline_header.left(self._timeout)
        if timeout <= 0:
            raise ServiceUnavailable("The caller's time is over.", retry_after=1)
        return timeout

    async def check(self) -> bool:
        """Whether the database answers within a second."""
        if not self._available:
            return False
        try:
            await self._ping_once()
        except DatabaseFailure as failure:
            self._report_failure(failure)
            return False
        return True

    async def _ping_once(self) -> None:
        if not await self._reader.rows(self._ping, {}, _PING_SECONDS):
            raise DatabaseFailure("there is no data set")

    async def _has_all_tables(self) -> bool:
        """Whether those are there that changes need, which are not where nobody was allowed to make them."""
        looks = [select(table).exists() for table in self._data_set.for_changes]
        try:
            await self._reader.rows(select(*looks), {}, _PING_SECONDS)
        except DatabaseFailure as failure:
            log("warning", "database takes no changes", "database", reason=str(failure))
            return False
        return True

    def _report_failure(self, failure: DatabaseFailure) -> None:
        if not self._failure_reported.is_set():
            log("warning", "statement failed", "database", reason=str(failure))
        self._broken = self._broken or not isinstance(failure, DatabaseSlow)
        self._failure_reported.set()

    async def _maintain(self) -> None:
        while True:
            self._available = False
            await self._make_ready()
            self._available = True
            await self._wait_for_failure()
            self._available = False
            self._reader.renew()
            self._writer.renew()

    async def _make_ready(self) -> None:
        pause, logged = _FIRST_PAUSE_SECONDS, ""
        while True:
            try:
                async with asyncio.timeout(_BOOTSTRAP_SECONDS):
                    version = await bootstrap(self._url, self._service, self._data_set)
                await self._ping_once()
                self._takes_changes = await self._has_all_tables()
            except Exception as error:  # noqa: BLE001 - whatever it is, this task must not end
                if reason(error) != logged:
                    logged = reason(error)
                    log("error", "database unavailable", "database", reason=logged)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                break
        own = self._data_set.version
        log("info", "database ready", "database", loaded=version is None, data_set=version or own)
        if version not in {None, own}:
            log("warning", "data set version differs", "database", data_set=version, own_version=own)

    async def _wait_for_failure(self) -> None:
        """Returns once the database is away: looked at every few seconds, and after each failure at once."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_WATCH_SECONDS):
                    await self._failure_reported.wait()
            self._failure_reported.clear()
            if self._broken:
                self._broken = False
                self._reader.renew()
            try:
                await self._ping_once()
            except DatabaseFailure:
                return
