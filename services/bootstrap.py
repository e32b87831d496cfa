"""Creates schema and data set on first start, in one transaction that only one process at a time can hold."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Integer, MetaData, Select, Table, insert, inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.engines import VERSION_TABLE, bootstrap_engine, is_sqlite, reading_engine

Rows = Sequence[Mapping[str, Any]]

_LOCKED_SECONDS: Final = 5.0
_CHECK_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.02
_LOCK: Final = 0x70726F66696C65  # any number will do, as long as every process takes the same


@dataclass(frozen=True, slots=True)
class DataSet:
    """Tables and the rows they hold at first; ``rows`` is called only when they are needed.

    Those ``for_changes`` are of use only where something may be changed: there is reading without them.
    """

    metadata: MetaData
    version: int
    rows: Callable[[], Mapping[Table, Rows]]
    for_changes: Sequence[Table] = ()

    @property
    def needed(self) -> AbstractSet[str]:
        """The names of the tables without which nothing can be read."""
        return self.metadata.tables.keys() - {table.name for table in self.for_changes}


def version_table(metadata: MetaData) -> Table:
    """The table that records which version of the data set was loaded."""
    return Table(VERSION_TABLE, metadata, Column("version", Integer, primary_key=True, autoincrement=False))


async def bootstrap(url: URL, service: str, data_set: DataSet) -> int | None:
    """Create what is missing in the database at ``url``; data that is there is never touched.

    Where that is not allowed, what is needed for reading will do.

    Returns the version of the data set that was found, or None when it was loaded just now.

    Raises:
        OSError, SQLAlchemyError: the database cannot be reached or used.
    """
    if is_sqlite(url):
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
        version = await _existing_version(url, service, data_set, data_set.metadata.tables.keys())
        if version is not None:
            return version
    give_up = time.monotonic() + _LOCKED_SECONDS
    while True:
        try:
            return await _create(url, service, data_set)
        except OperationalError as error:
            # SQLite does not wait for whoever else is just changing the file to write-ahead logging.
            if "locked" in str(error.orig) and time.monotonic() < give_up:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            failure: Exception = error
        except (SQLAlchemyError, OSError) as error:
            failure = error
        version = await _existing_version(url, service, data_set, data_set.needed)
        if version is None:
            raise failure
        return version


async def _existing_version(url: URL, service: str, data_set: DataSet, needed: AbstractSet[str]) -> int | None:
    """The version of the data set when nothing ``needed`` is missing, found out without writing."""
    engine = reading_engine(url, service, 1, _CHECK_SECONDS)
    try:
        async with engine.connect() as connection:
            tables = await connection.run_sync(lambda there: set(inspect(there).get_table_names()))
            if not needed <= tables:
                return None
            version: int | None = await connection.scalar(_version(data_set))
            return version
    except (SQLAlchemyError, OSError):
        return None  # who means to write will say why
    finally:
        await engine.dispose()


def _version(data_set: DataSet) -> Select[*tuple[Any, ...]]:
    return select(data_set.metadata.tables[VERSION_TABLE].c.version)


async def _create(url: URL, service: str, data_set: DataSet) -> int | None:
    engine = bootstrap_engine(url, service)
    try:
        async with engine.begin() as connection:
            if not is_sqlite(url):
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            return await _fill(connection, data_set)
    finally:
        await engine.dispose()


async def _fill(connection: AsyncConnection, data_set: DataSet) -> int | None:
    await connection.run_sync(data_set.metadata.create_all)
    versions = data_set.metadata.tables[VERSION_TABLE]
    version: int | None = await connection.scalar(_version(data_set))
    if version is None:
        rows = data_set.rows()
        for table in data_set.metadata.sorted_tables:
            if rows.get(table):
                await connection.execute(insert(table), rows[table])
        await connection.execute(insert(versions).values(version=data_set.version))
    return version
