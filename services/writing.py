"""Runs transactions that change something, each once: nobody knows what became of one that has failed."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.bounded import BoundedEngine

T = TypeVar("T")

Change = Callable[[AsyncConnection], Awaitable[T]]
"""Statements that take effect together or not at all: not if it raises."""


class Writer(BoundedEngine):
    """What has begun and is given up is rolled back, unless that was just too late."""

    async def change(self, change: Change[T], seconds: float) -> T:
        """What ``change`` gives, done within ``seconds``.

        Raises:
            DatabaseFailure: it may or may not have been done. Whatever else ``change`` raises, and then it has not.
        """
        return await self.run(partial(_in_transaction, change), seconds)


async def _in_transaction(change: Change[T], engine: AsyncEngine) -> T:
    async with engine.begin() as connection:
        return await change(connection)
