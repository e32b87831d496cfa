"""What has been told is forgotten, also by a database that was away just then."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import MetaData

from services.database import Database
from services.outbox import Outbox, Waiting, outbox_table
from shared.errors import ServiceUnavailable

PAUSES = 2


class _Away:
    """A database of one event that takes no change for so many times."""

    def __init__(self, file: Path, refusals: int) -> None:
        self.file = file
        self.refusals = refusals
        self.forgotten = False

    async def rows(self, _statement: object) -> Sequence[Any]:
        row = SimpleNamespace(number=1, stored_at=datetime.now(UTC), event="{}", outdated="")
        return [] if self.forgotten else [row]

    async def change(self, _change: object) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ServiceUnavailable("away", retry_after=1)
        self.forgotten = True


async def _told(database: _Away) -> int:
    outbox, told = Outbox(cast("Database", database), outbox_table(MetaData()), [0.0] * PAUSES), 0

    async def tell(waiting: Sequence[Waiting]) -> int:
        nonlocal told
        told += len(waiting)
        return len(waiting)

    while await outbox.deliver(tell):
        pass
    return told


@pytest.mark.parametrize("refusals", range(PAUSES + 1))
async def test_what_was_told_is_not_told_again_because_it_could_not_be_forgotten_at_once(
    tmp_path: Path, refusals: int
) -> None:
    """A database that stands still for a moment makes no repetitions."""
    assert await _told(_Away(tmp_path / "one.db", refusals)) == 1


async def test_a_database_that_stays_away_is_not_waited_for_without_end(tmp_path: Path) -> None:
    """It is told again, in the end, by whoever finds it."""
    database = _Away(tmp_path / "one.db", PAUSES + 1)
    with pytest.raises(ServiceUnavailable):
        await _told(database)
    assert await _told(database) == 1
