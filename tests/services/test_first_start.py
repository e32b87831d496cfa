"""Schema and data set: made once, whoever comes first, and never touched again."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services import dataset
from services.bootstrap import bootstrap
from services.database_url import DATABASE_URL
from tests.fixtures.processes import App, free_port
from tests.services.conftest import StartService, until_ready
from tests.services.kinds import ORDERS, SERVICES, USERS, Databases, Service, execute

COUNTS = {
    "users": {"users": 1000},
    "orders": {"orders": 5000, "order_items": 11_965},
    "products": {"products": 200},
}


async def _found(address: str, service: Service) -> int | None:
    return await bootstrap(DATABASE_URL.parse(address), service.title, service.data_set)


async def _counts(address: str, service: Service) -> dict[str, Any]:
    return {
        table: (await execute(address, f"SELECT count(*) FROM {table}"))[0][0]  # noqa: S608 - names of our own
        for table in COUNTS[service.name]
    }


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_of_many_at_once_one_loads(databases: Databases, service: Service) -> None:
    """All succeed, exactly one has loaded, and everything is there once."""
    address = databases.empty()
    results = await asyncio.gather(*(_found(address, service) for _ in range(4)))
    assert sorted(results, key=str) == [1, 1, 1, None]
    assert await _counts(address, service) == COUNTS[service.name]


async def test_processes_that_start_at_once_become_ready(databases: Databases, tmp_path: Path) -> None:
    """Two replicas, one of them with two workers, share an empty database: one of the three loads."""
    address = databases.empty()
    environments = ({"DATABASE_URL": address}, {"DATABASE_URL": address, "WORKERS": "2"})
    apps = [
        App("services.orders", free_port(), environment, tmp_path / f"{number}.log")
        for number, environment in enumerate(environments)
    ]
    try:
        for app in apps:
            app.launch()
        for app in apps:
            app.wait_ready()
    finally:
        codes = [app.stop() for app in apps]
    assert codes == [0, 0]
    assert await _counts(address, ORDERS) == COUNTS["orders"]
    logs = "".join(app.lines() for app in apps)
    assert logs.count('"loaded":true') == 1


async def test_a_second_start_touches_nothing(databases: Databases) -> None:
    """What has been changed and deleted since stays so."""
    address = databases.empty()
    assert await _found(address, USERS) is None
    await execute(address, "DELETE FROM users WHERE id <> 'user123'", "UPDATE users SET full_name = 'Someone Else'")
    assert await _found(address, USERS) == dataset.VERSION
    assert await execute(address, "SELECT id, full_name FROM users") == [("user123", "Someone Else")]


async def test_data_of_another_version_is_kept(databases: Databases, start_at: StartService) -> None:
    """A service serves what is there, whichever version of the data set it was."""
    address = databases.empty()
    await _found(address, USERS)
    await execute(address, "DELETE FROM users WHERE id <> 'user123'", "UPDATE data_set SET version = 99")
    client = await start_at(address, USERS)
    await until_ready(client)
    assert [user["id"] for user in (await client.get("/users")).json()] == ["user123"]
    assert await execute(address, "SELECT version FROM data_set") == [(99,)]


async def test_half_a_load_is_none(databases: Databases) -> None:
    """A load that fails midway leaves nothing, so that the next one starts from nothing."""
    address = databases.empty()
    rows = USERS.data_set.rows()
    table, users = next(iter(rows.items()))
    twice = replace(USERS.data_set, rows=lambda: {table: [*users, users[0]]})
    with pytest.raises(Exception, match=r"(?i)unique"):
        await bootstrap(DATABASE_URL.parse(address), USERS.title, twice)
    assert await _found(address, USERS) is None
    assert await _counts(address, USERS) == COUNTS["users"]
