"""The outbox: events, stored in the transaction that makes the change they tell of, until somebody has been told.

So there is no change without its event, and none without its change, whenever the process ends. Those of one subject
leave in the order of the changes: nobody is told of the next one before the one before has been taken.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Delete,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.columns import Identifier, Instant
from services.database import Database
from services.reading import Record
from services.turn import turn
from services.writing import Change
from shared.errors import ServiceUnavailable

_NAME: Final = "outbox"
_AT_ONCE: Final = 100
"""Subjects of which an event is told together."""
PAUSES_SECONDS: Final = (0.1, 0.2, 0.4, 0.8, 1.6)


class Waiting(NamedTuple):
    """An event that has to be told.

    Attributes:
        stored_at: when that was.
        event: as JSON.
        outdated: the names under which read caches may have what is no longer so.
    """

    stored_at: datetime
    event: str
    outdated: Sequence[str]


class Backlog(NamedTuple):
    """How many events wait, and for how many seconds the oldest of them has."""

    events: int
    seconds: float


Tell = Callable[[Sequence[Waiting]], Awaitable[int]]
"""Tells events; returns how many of them, from the first on, have been taken."""


def outbox_table(metadata: MetaData) -> Table:
    """The table of a service's outbox, in its database."""
    table = Table(
        _NAME,
        metadata,
        Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("subject", Identifier, nullable=False),
        Column("stored_at", Instant, nullable=False),
        Column("event", Text, nullable=False),
        Column("outdated", Text, nullable=False),
        sqlite_autoincrement=True,
    )
    Index("outbox_by_subject", table.c.subject, table.c.number)
    return table


class Outbox:
    """The outbox in ``table`` of ``database``; its methods raise ServiceUnavailable while that is away."""

    def __init__(self, database: Database, table: Table, pauses: Sequence[float] = PAUSES_SECONDS) -> None:
        """After ``pauses``, in seconds, it is tried again to forget what has been told."""
        self._pauses = pauses
        self._database = database
        self._table = table
        before = table.alias("before")
        has_older = exists().where(before.c.subject == table.c.subject, before.c.number < table.c.number)
        # What one worker holds, another passes over, and with it all that is younger of the subject.
        self._first = (
            select(table).where(~has_older).order_by(table.c.number).limit(_AT_ONCE).with_for_update(skip_locked=True)
        )
        self._backlog = select(func.count(), func.min(table.c.stored_at)).select_from(table)
        self._told: Delete = delete(table).where(table.c.number.in_(bindparam("numbers", expanding=True)))

    async def append(self, connection: AsyncConnection, subject: str, event: str, outdated: Sequence[str]) -> None:
        """Store ``event`` in the transaction of ``connection``, which has locked its ``subject``.

        ``outdated`` are the names of what read caches may have, without spaces.
        """
        row = {
            "subject": subject,
            "stored_at": datetime.now(UTC),
            "event": event,
            "outdated": " ".join(outdated),
        }
        await connection.execute(insert(self._table), row)

    async def deliver(self, tell: Tell) -> int:
        """Have ``tell`` tell the oldest event of each subject that nobody else tells of; how many have been taken.

        Whoever ends in between, or fails, tells the same again.

        Raises:
            NotOurTurn: another process is at it.
        """
        if self._database.file is None:
            return await self._database.change(partial(self._deliver_locked, tell))
        # SQLite has one lock for all, which nobody may hold while a network answers.
        with turn(self._database.file):
            waiting = await self._database.rows(self._first)
            taken = await self._tell(tell, waiting)
            if taken:
                await self._forget_soon(partial(self._forget, waiting[:taken]))
        return taken

    async def _forget_soon(self, forget: Change[None]) -> None:
        """What is not forgotten is told again, so a database that is away for a moment is waited for."""
        for pause in self._pauses:
            with contextlib.suppress(ServiceUnavailable):
                return await self._database.change(forget)
            await asyncio.sleep(pause)
        return await self._database.change(forget)

    async def backlog(self) -> Backlog:
        """What waits at the moment."""
        ((events, oldest),) = await self._database.rows(self._backlog)
        age = 0.0 if oldest is None else (datetime.now(UTC) - oldest).total_seconds()
        return Backlog(events, max(0.0, age))

    async def _deliver_locked(self, tell: Tell, connection: AsyncConnection) -> int:
        waiting = (await connection.execute(self._first)).all()
        taken = await self._tell(tell, waiting)
        if taken:
            await self._forget(waiting[:taken], connection)
        return taken

    async def _tell(self, tell: Tell, waiting: Sequence[Any]) -> int:
        events = [Waiting(row.stored_at, row.event, row.outdated.split()) for row in waiting]
        return await tell(events) if events else 0

    async def _forget(self, rows: Sequence[Record], connection: AsyncConnection) -> None:
        await connection.execute(self._told, {"numbers": [row.number for row in rows]})
