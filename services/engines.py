"""SQLAlchemy engines for SQLite and PostgreSQL, with their connection settings."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Dialect, NullPool, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from services.sqlite_file import Identity, address, identity
from shared.observing.logs import log

_CONNECT_SECONDS: Final = 2.0
_RECYCLE_SECONDS: Final = 1800
_BOOTSTRAP_STATEMENT_MS: Final = 30_000
_WRITE_LOCK_MS: Final = 5_000
_FILE: Final = "file"

WRITING_CONNECTIONS: Final = 2
"""To a server, from each process, for what changes something: one of them may tell of changes for a while."""

VERSION_TABLE: Final = "data_set"
"""Its one row tells which version of the data set has been loaded."""


def is_sqlite(url: URL) -> bool:
    """Whether ``url`` names a file rather than a server."""
    return url.get_backend_name() == "sqlite"


def file_of(url: URL) -> Path | None:
    """The file that ``url`` names; None for a server."""
    return Path(url.database or "").absolute() if is_sqlite(url) else None


def reading_engine(url: URL, service: str, pool_size: int, timeout: float) -> AsyncEngine:
    """An engine for single statements that only read, each its own transaction.

    At most ``pool_size`` connections; the database is told to give up a statement after ``timeout`` seconds.
    """
    options: dict[str, Any] = {
        "isolation_level": "AUTOCOMMIT",
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": timeout,
        "pool_use_lifo": True,
        "pool_reset_on_return": None,
    }
    path = file_of(url)
    if path is None:
        arguments = _server_arguments(service, int(timeout * 1000))
        return create_async_engine(url, **options, pool_recycle=_RECYCLE_SECONDS, connect_args=arguments)
    engine = create_async_engine(url.set(database=f"file:{path.name}", query={"uri": "true"}), **options)
    _at_connect(engine, [f"PRAGMA busy_timeout = {int(timeout * 500)}", "PRAGMA query_only = ON"])
    _follow_file(engine, path)
    return engine


def writing_engine(url: URL, service: str, timeout: float) -> AsyncEngine:
    """An engine for short transactions that change something, on a few connections of its own.

    On SQLite they take the write lock as they begin. A connection that has died meanwhile is noticed before it is used.
    """
    path = file_of(url)
    if path is None:
        arguments = _server_arguments(service, int(timeout * 1000))
        return create_async_engine(
            url,
            pool_size=WRITING_CONNECTIONS,
            max_overflow=0,
            pool_timeout=timeout,
            pool_pre_ping=True,
            pool_recycle=_RECYCLE_SECONDS,
            connect_args=arguments,
        )
    engine = create_async_engine(
        url.set(database=f"file:{path.name}", query={"uri": "true"}), pool_size=1, max_overflow=0, pool_timeout=timeout
    )
    _at_connect(engine, [f"PRAGMA busy_timeout = {int(timeout * 500)}"])
    _follow_file(engine, path)
    _begin_immediately(engine)
    return engine


def bootstrap_engine(url: URL, service: str) -> AsyncEngine:
    """An engine whose transactions may write; on SQLite they take the write lock as they begin."""
    if not is_sqlite(url):
        arguments = _server_arguments(service, _BOOTSTRAP_STATEMENT_MS)
        return create_async_engine(url, poolclass=NullPool, connect_args=arguments)
    engine = create_async_engine(url, poolclass=NullPool)
    _at_connect(engine, [f"PRAGMA busy_timeout = {_WRITE_LOCK_MS}", "PRAGMA journal_mode = WAL"])
    _begin_immediately(engine)
    return engine


def _server_arguments(service: str, statement_timeout_ms: int) -> dict[str, Any]:
    server_settings = {"application_name": service, "statement_timeout": str(statement_timeout_ms)}
    return {"timeout": _CONNECT_SECONDS, "server_settings": server_settings}


def _at_connect(engine: AsyncEngine, pragmas: Sequence[str]) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def run(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()


def _follow_file(engine: AsyncEngine, path: Path) -> None:
    """Open what is at ``path`` when a connection is made, and make others once another file is there.

    A file without a data set is not read: its answers would be that nothing exists.
    """
    logged: Identity | None = None

    @event.listens_for(engine.sync_engine, "do_connect")
    def name(_dialect: Dialect, entry: ConnectionPoolEntry, arguments: list[Any], _options: object) -> None:
        entry.info[_FILE] = identity(path)  # before it is opened: one that comes in between is noticed next time
        arguments[0] = address(path)

    @event.listens_for(engine.sync_engine, "checkout")
    def compare(_connection: DBAPIConnection, entry: ConnectionPoolEntry, _proxy: object) -> None:
        nonlocal logged
        there = identity(path)
        if there != entry.info[_FILE]:
            if there != logged:
                logged = there
                log("warning", "database file replaced", "database")
            raise InvalidatePoolError

    @event.listens_for(engine.sync_engine, "connect")
    def see_version(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SELECT version FROM {VERSION_TABLE}")  # noqa: S608 - a name of our own
        version = cursor.fetchone()
        cursor.close()
        if version is None:
            raise sqlite3.OperationalError("there is no data set")


def _begin_immediately(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def leave_transactions_to_us(connection: Any, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
