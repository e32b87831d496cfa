"""Makes changes: in the database with their events, and out of every read cache before anybody can know of them."""

from collections.abc import Sequence
from typing import TypeVar

from services.database import Database
from services.points import Passing, unnoticed
from services.publisher import Publisher
from services.read_cache import ReadCache
from services.writing import Change

T = TypeVar("T")


class Changes:
    """Changes of ``database``, told by ``publisher``; ``reads`` is kept free of what they outdate."""

    def __init__(
        self,
        database: Database,
        reads: ReadCache,
        publisher: Publisher,
        passing: Passing = unnoticed,
    ) -> None:
        self._database = database
        self._reads = reads
        self._publisher = publisher
        self._passing = passing

    async def make(self, change: Change[T], names: Sequence[str]) -> T:
        """What ``change`` gives, after which nobody is given what was kept under ``names``.

        Raises:
            ServiceUnavailable: as :meth:`Database.change`. Whatever ``change`` raises.
        """
        # Twice: who hears of it late, on another machine, has had the time of the change.
        await self._reads.outdate(names)
        try:
            changed = await self._database.change(change)
            self._passing("committed")
            return changed
        finally:
            await self._reads.outdate(names)
            self._publisher.wake()
