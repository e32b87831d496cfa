"""Schema and data set, made on first start in one transaction that only one process at a time can be in."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.engines import founding_engine, is_sqlite

Rows = Sequence[Mapping[str, Any]]

_LOCKED_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.02
_LOCK: Final = 0x70726F66696C65  # any number will do, as long as every process takes the same


@dataclass(frozen=True, slots=True)
class DataSet:
    """Tables and the rows they hold at first; ``rows`` is called only when they are needed."""

    metadata: MetaData
    version: int
    rows: Callable[[], Mapping[Table, Rows]]


def version_table(metadata: MetaData) -> Table:
    """The table that records which version of the data set was loaded."""
    return Table("data_set", metadata, Column("version", Integer, primary_key=True, autoincrement=False))


async def found(url: URL, service: str, data_set: DataSet) -> int | None:
    """Create what is missing in the database at ``url``; data that is there is never touched.

    Returns the version of the data set that was found, or None when it was loaded just now.

    Raises:
        OSError, SQLAlchemyError: the database cannot be reached or used.
    """
    if is_sqlite(url):
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    give_up = time.monotonic() + _LOCKED_SECONDS
    while True:
        try:
            return await _found(url, service, data_set)
        except OperationalError as error:
            # SQLite does not wait for whoever else is just changing the file to write-ahead logging.
            if "locked" not in str(error.orig) or time.monotonic() > give_up:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)


async def _found(url: URL, service: str, data_set: DataSet) -> int | None:
    engine = founding_engine(url, service)
    try:
        async with engine.begin() as connection:
            if not is_sqlite(url):
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            return await _fill(connection, data_set)
    finally:
        await engine.dispose()


async def _fill(connection: AsyncConnection, data_set: DataSet) -> int | None:
    await connection.run_sync(data_set.metadata.create_all)
    versions = data_set.metadata.tables["data_set"]
    version: int | None = await connection.scalar(select(versions.c.version))
    if version is None:
        rows = data_set.rows()
        for table in data_set.metadata.sorted_tables:
            if rows.get(table):
                await connection.execute(insert(table), rows[table])
        await connection.execute(insert(versions).values(version=data_set.version))
    return version
