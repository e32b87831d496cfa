"""Databases of before there were changes: they get what is missing, and lose nothing."""

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from services.bootstrap import bootstrap
from services.database_url import DATABASE_URL
from tests.fixtures.processes import StartApp
from tests.services.conftest import StartService, assert_problem, until_ready
from tests.services.kinds import ORDERS, PRODUCTS, SERVICES, USERS, Databases, Service, execute
from tests.services.postgres_server import PostgresServer

ONE = {"users": "/users/user123", "orders": "/orders/order123", "products": "/products/prod1"}


async def _earlier(address: str, service: Service) -> None:
    """A database as the version before has left it."""
    await bootstrap(DATABASE_URL.parse(address), service.title, service.data_set)
    await execute(address, *(f"DROP TABLE {table.name}" for table in service.data_set.for_changes))


async def _change(client: Any, service: Service) -> Any:
    if service is ORDERS:
        order = {"user_id": "user123", "items": [{"product_id": "prod1", "quantity": 1, "price": 1}]}
        return await client.post("/orders", json=order, headers={"Idempotency-Key": "a"})
    patch = {"is_active": False} if service is USERS else {"price": 1}
    return await client._request("PATCH", ONE[service.name], json=patch)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_it_gets_what_is_missing(databases: Databases, start_at: StartService, service: Service) -> None:
    """And what was in it is there still, also what has been changed since."""
    address = databases.empty()
    await _earlier(address, service)
    (named,) = {"users": ("full_name",), "orders": ("status",), "products": ("name",)}[service.name]
    await execute(address, f"UPDATE {service.name} SET {named} = 'older'")  # noqa: S608 - names of our own
    client = await start_at(address, service)
    await until_ready(client)
    assert (await client.get(ONE[service.name])).json()[named] == "older"
    assert (await _change(client, service)).status_code in {200, 201}
    assert (await client.get(ONE[service.name])).json()[named] == "older"


@pytest.mark.postgres
async def test_who_may_make_nothing_can_read(
    postgres_databases: Databases, postgres_server: PostgresServer, start_at: StartService
) -> None:
    """A server's user without the right to make tables; changes are refused, and nobody looks for events."""
    address = postgres_databases.empty()
    await _earlier(address, PRODUCTS)
    await execute(
        address,
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader LOGIN",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
    )
    client = await start_at(address.replace("postgres@", "reader@"), PRODUCTS)
    await until_ready(client)
    assert (await client.get("/products/prod1")).json()["id"] == "prod1"
    assert_problem(await _change(client, PRODUCTS), 503, "service-unavailable", "no changes")
    assert (await client.get("/health/ready")).status_code == 200
    await execute(address, "DROP OWNED BY reader", "DROP ROLE reader")


def test_a_file_that_may_only_be_read_is_read(tmp_path: Path, start_app: StartApp) -> None:
    """Changes are refused, and nothing is made beside it."""
    folder = tmp_path / "data"
    address = f"sqlite:///{folder}/users.db"
    asyncio.run(_earlier(address, USERS))
    asyncio.run(execute(address, "PRAGMA journal_mode = DELETE"))
    before = sorted(one.name for one in folder.iterdir())
    for one in (*folder.iterdir(), folder):
        one.chmod(0o555)
    try:
        app = start_app("tests.services.powerless_users", DATABASE_URL=address)
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{app.url}/users/user123", b"{}", headers, method="PATCH")
        with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request, timeout=30):
            pass
        assert "The database takes no changes." in json.load(refused.value)["detail"]
        with urllib.request.urlopen(f"{app.url}/users/user123", timeout=30) as answer:
            assert json.load(answer)["id"] == "user123"
        assert sorted(one.name for one in folder.iterdir()) == before
    finally:
        folder.chmod(0o755)
