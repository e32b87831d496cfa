"""Runs work on a database engine with a bound on its time, whatever the database does."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

FAILURES: Final = (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a database that is away, broken or refusing shows up as."""

CLOSE_SECONDS: Final = 2.0


class DatabaseFailure(Exception):
    """Work that came to nothing; the text holds nothing that a client sent."""


class DatabaseSlow(DatabaseFailure):
    """No result in time: none, too slow, or no connection free."""


class BoundedEngine:
    """Works on an engine that ``make_engine`` makes, and makes a new one when asked to."""

    def __init__(self, make_engine: Callable[[], AsyncEngine]) -> None:
        self._make_engine = make_engine
        self._engine = make_engine()
        self._running: set[asyncio.Task[Any]] = set()
        self._closing: set[asyncio.Task[Any]] = set()

    async def run(self, work: Callable[[AsyncEngine], Coroutine[Any, Any, T]], seconds: float) -> T:
        """What ``work`` gives within ``seconds``; after that nobody waits for it, and it is cancelled.

        Raises:
            DatabaseFailure: the database did not do it. Whatever else ``work`` raises.
        """
        running = _start(work(self._engine), self._running)
        try:
            await asyncio.wait({running}, timeout=seconds)
        finally:
            # Taking the connection back from a database that hangs takes long: nobody waits for that.
            running.cancel()
        if not running.done():
            raise DatabaseSlow(f"no result within {seconds:g} s")
        try:
            return running.result()
        except PoolTimeout as error:
            raise DatabaseSlow("no connection was free") from error
        except FAILURES as error:
            raise DatabaseFailure(reason(error)) from error

    def renew(self) -> None:
        """Leave every connection to its end; work from now on opens new ones."""
        old, self._engine = self._engine, self._make_engine()
        self._retire(old)

    async def close(self) -> None:
        """Close every connection, politely for two seconds, then by force."""
        self._retire(self._engine)
        _, hanging = await asyncio.wait(self._running | self._closing, timeout=CLOSE_SECONDS)
        for task in hanging:
            task.cancel()
        if hanging:
            await asyncio.wait(hanging, timeout=CLOSE_SECONDS)

    def _retire(self, engine: AsyncEngine) -> None:
        _ = _start(_dispose(engine, set(self._running)), self._closing)


async def _dispose(engine: AsyncEngine, running: set[asyncio.Task[Any]]) -> None:
    if running:
        await asyncio.wait(running)  # a connection that comes back after the disposal would never be closed
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
