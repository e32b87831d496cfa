"""Runs single read statements with a bound on their time, whatever the database does."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy import Row, Select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

FAILURES: Final = (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a database that is away, broken or refusing shows up as."""

Statement = Select[*tuple[Any, ...]]
Record = Row[*tuple[Any, ...]]
Parameters = Mapping[str, Any]

CLOSE_SECONDS: Final = 2.0


class DatabaseFailure(Exception):
    """A statement that gave no rows; the text holds nothing that a client sent."""


class DatabaseSlow(DatabaseFailure):
    """No rows in time: none, too slow, or no connection free."""


class Reader:
    """Runs statements on an engine that ``make_engine`` makes, and makes a new one when asked to."""

    def __init__(self, make_engine: Callable[[], AsyncEngine]) -> None:
        self._make_engine = make_engine
        self._engine = make_engine()
        self._fetching: set[asyncio.Task[Any]] = set()
        self._closing: set[asyncio.Task[Any]] = set()

    async def rows(self, statement: Statement, parameters: Parameters, seconds: float) -> Sequence[Record]:
        """All rows of ``statement`` with these parameters, within ``seconds``.

        Raises:
            DatabaseFailure: there are none to be had.
        """
        fetching = _start(self._fetch(statement, parameters), self._fetching)
        try:
            await asyncio.wait({fetching}, timeout=seconds)
        finally:
            # Taking the connection back from a database that hangs takes long: nobody waits for that.
            fetching.cancel()
        if not fetching.done():
            raise DatabaseSlow(f"no rows within {seconds:g} s")
        try:
            return fetching.result()
        except PoolTimeout as error:
            raise DatabaseSlow("no connection was free") from error
        except FAILURES as error:
            raise DatabaseFailure(reason(error)) from error

    def renew(self) -> None:
        """Leave every connection to its end; statements from now on open new ones."""
        old, self._engine = self._engine, self._make_engine()
        self._retire(old)

    async def close(self) -> None:
        """Close every connection, politely for two seconds, then by force."""
        self._retire(self._engine)
        _, hanging = await asyncio.wait(self._fetching | self._closing, timeout=CLOSE_SECONDS)
        for task in hanging:
            task.cancel()
        if hanging:
            await asyncio.wait(hanging, timeout=CLOSE_SECONDS)

    async def _fetch(self, statement: Statement, parameters: Parameters) -> Sequence[Record]:
        try:
            return await self._fetch_once(statement, parameters)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        # The connection had died in the pool; the pool has dropped all of its age.
        return await self._fetch_once(statement, parameters)

    async def _fetch_once(self, statement: Statement, parameters: Parameters) -> Sequence[Record]:
        async with self._engine.connect() as connection:
            return (await connection.execute(statement, parameters)).all()

    def _retire(self, engine: AsyncEngine) -> None:
        _ = _start(_dispose(engine, set(self._fetching)), self._closing)


async def _dispose(engine: AsyncEngine, fetching: set[asyncio.Task[Any]]) -> None:
    if fetching:
        await asyncio.wait(fetching)  # a connection that comes back after the disposal would never be closed
    await engine.dispose()


def _start(work: Coroutine[Any, Any, T], running: set[asyncio.Task[Any]]) -> asyncio.Task[T]:
    task = asyncio.create_task(work)
    running.add(task)
    task.add_done_callback(partial(_end, running))
    return task


def _end(running: set[asyncio.Task[Any]], task: asyncio.Task[Any]) -> None:
    running.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, so that asyncio does not complain of one that was abandoned


def reason(error: BaseException) -> str:
    """What happened, without the statement and its parameters."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return ": ".join(filter(None, (type(cause).__name__, str(cause))))
