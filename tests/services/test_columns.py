"""Column types, through real databases."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import create_async_engine

from services.bootstrap import bootstrap
from services.columns import Identifier, Instant, Money
from services.database_url import DATABASE_URL
from tests.services.kinds import USERS, Databases

things = Table(
    "things",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("id", Identifier),
    Column("price", Money),
    Column("at", Instant),
)


async def _stored(databases: Databases, *rows: dict[str, object]) -> list[tuple[object, ...]]:
    url = DATABASE_URL.parse(databases.empty())
    await bootstrap(url, "tests", USERS.data_set)  # makes the folder
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(things.metadata.create_all)
            numbered = [{"number": number} | row for number, row in enumerate(rows)]
            await connection.execute(insert(things), numbered)
            selected = select(things.c.id, things.c.price, things.c.at).order_by(things.c.id, things.c.number)
            return [tuple(row) for row in await connection.execute(selected)]
    finally:
        await engine.dispose()


def _row(**values: object) -> dict[str, object]:
    return {"id": None, "price": None, "at": None} | values


async def test_money_comes_back_to_the_cent(databases: Databases) -> None:
    """Always with two decimals, however large, and nothing stays nothing."""
    amounts = ["0", "0.1", "49.90", "-3.07", "90000000000000.01"]
    rows = await _stored(databases, *(_row(price=Decimal(amount)) for amount in amounts), _row())
    assert [str(price) for _, price, _ in rows] == ["0.00", "0.10", "49.90", "-3.07", "90000000000000.01", "None"]


async def test_fractions_of_a_cent_are_refused(databases: Databases) -> None:
    """Nothing is rounded in silence."""
    with pytest.raises(StatementError):
        await _stored(databases, _row(price=Decimal("0.001")))


async def test_instants_come_back_in_utc(databases: Databases) -> None:
    """Whatever zone they were written in."""
    east = datetime(2025, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=2)))
    rows = await _stored(databases, _row(at=east), _row())
    assert [at for _, _, at in rows] == [datetime(2025, 3, 4, 3, 6, 7, tzinfo=UTC), None]
    assert isinstance(rows[0][2], datetime)
    assert rows[0][2].tzinfo is UTC


async def test_identifiers_are_ordered_by_code_point(databases: Databases) -> None:
    """The same in every database, whatever its language."""
    ids = ["a", "B", "_", "-", "0", "b", "A", "Z9", "z"]
    rows = await _stored(databases, *(_row(id=name) for name in ids))
    assert [name for name, _, _ in rows] == sorted(ids)
