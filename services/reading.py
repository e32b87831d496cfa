"""Runs single read statements."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Row, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.bounded import BoundedEngine

Statement = Select[*tuple[Any, ...]]
Record = Row[*tuple[Any, ...]]
Parameters = Mapping[str, Any]


class Reader(BoundedEngine):
    """Each statement is a transaction of its own."""

    async def rows(self, statement: Statement, parameters: Parameters, seconds: float) -> Sequence[Record]:
        """All rows of ``statement`` with these parameters, within ``seconds``.

        Raises:
            DatabaseFailure: there are none to be had.
        """
        return await self.run(partial(_fetch, statement, parameters), seconds)


async def _fetch(statement: Statement, parameters: Parameters, engine: AsyncEngine) -> Sequence[Record]:
    try:
        return await _fetch_once(statement, parameters, engine)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    # The connection had died in the pool; the pool has dropped all of its age.
    return await _fetch_once(statement, parameters, engine)


async def _fetch_once(statement: Statement, parameters: Parameters, engine: AsyncEngine) -> Sequence[Record]:
    async with engine.connect() as connection:
        return (await connection.execute(statement, parameters)).all()
