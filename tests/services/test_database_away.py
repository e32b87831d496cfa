"""A database that is away, broken or slow: refused at once or in time, and well again by itself."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from services.database import Database
from services.database_url import DATABASE_URL
from shared.settings.loading import load
from tests.fixtures.processes import App, free_port, wait_until
from tests.services.conftest import READY_SECONDS, StartService, assert_problem, until_ready
from tests.services.kinds import USERS, Databases, execute
from tests.services.postgres_server import PostgresServer


async def assert_away(client: Any) -> None:
    """The process lives and says that it cannot serve, in each of the ways it can be asked."""
    for path in ("/users/user123", "/users", "/users/nobody"):
        answer = await client.get(path)
        assert_problem(answer, 503, "service-unavailable", "database")
        assert answer.headers["retry-after"] == "1"
    health = await client.get("/health")
    assert (health.status_code, health.json()["database"]) == (503, "unhealthy")
    assert (await client.get("/health/ready")).status_code == 503
    assert (await client.get("/health/live")).status_code == 200


async def assert_well(client: Any) -> None:
    """It becomes ready and answers."""
    await until_ready(client)
    assert (await client.get("/users/user123")).json()["id"] == "user123"


def _delete_files(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


async def test_a_folder_that_is_a_file_is_waited_for(start_at: StartService, tmp_path: Path) -> None:
    """The service starts, refuses, and serves as soon as the folder can be made."""
    (tmp_path / "data").write_text("in the way")
    client = await start_at(f"sqlite:///{tmp_path}/data/users.db", USERS)
    await assert_away(client)
    (tmp_path / "data").unlink()
    await assert_well(client)


async def test_a_file_that_is_no_database_is_not_touched(start_at: StartService, tmp_path: Path) -> None:
    """It is somebody's: the service does not serve, and does not overwrite it either."""
    file = tmp_path / "users.db"
    thesis = b"the only copy of my thesis " * 1000
    await asyncio.to_thread(file.write_bytes, thesis)
    client = await start_at(f"sqlite:///{file}", USERS)
    await assert_away(client)
    assert await asyncio.to_thread(file.read_bytes) == thesis


async def test_a_database_file_that_vanishes_is_made_again(start_at: StartService, tmp_path: Path) -> None:
    """New connections do not open an empty file instead; the data set is loaded anew."""
    file = tmp_path / "users.db"
    client = await start_at(f"sqlite:///{file}", USERS)
    await assert_well(client)
    _delete_files(tmp_path)
    statuses: set[int] = set()
    async with asyncio.timeout(READY_SECONDS):
        while 503 not in statuses:  # several at once, because a connection that is open does not notice
            answers = await asyncio.gather(*(client.get("/users/user123") for _ in range(5)))
            statuses |= {answer.status_code for answer in answers}
    assert statuses <= {200, 503}
    async with asyncio.timeout(READY_SECONDS):  # it is ready until it has looked why that statement failed
        while (await client.get("/users/user123")).status_code == 503:
            await until_ready(client)
    await assert_well(client)
    assert await execute(f"sqlite:///{file}", "SELECT count(*) FROM users") == [(1000,)]


async def test_a_locked_file_is_waited_for(start_at: StartService, tmp_path: Path) -> None:
    """Somebody else's long transaction delays the first start and does not fail it."""
    file = tmp_path / "users.db"
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}")
    async with engine.connect() as connection:
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
        client = await start_at(f"sqlite:///{file}", USERS)
        await assert_away(client)
    await engine.dispose()
    await assert_well(client)


def test_the_log_says_once_what_is_wrong(tmp_path: Path) -> None:
    """One line when the database is away, one when it is back, however often it was tried; then a clean end."""
    (tmp_path / "data").write_text("in the way")
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path}/data/users.db"}
    app = App("services.users", free_port(), environment, tmp_path / "log")
    app.launch()
    try:
        wait_until(lambda: "database unavailable" in app.lines(), "it did not say:\n{}", app.log)
        (tmp_path / "data").unlink()
        app.wait_ready()
    finally:
        code = app.stop()
    assert code == 0
    assert app.lines().count("database unavailable") == 1
    assert app.lines().count("database ready") == 1
    assert f"File exists: '{tmp_path}/data'" in app.lines()
    assert "Traceback" not in app.lines()


@pytest.mark.postgres
async def test_a_server_that_goes_and_comes_back(
    start_at: StartService, postgres_databases: Databases, postgres_server: PostgresServer
) -> None:
    """Refused while it is gone, served when it is back; also when it was gone at the start."""
    address = await postgres_databases.founded(USERS)
    client = await start_at(address, USERS)
    await assert_well(client)
    postgres_server.stop()
    try:
        assert_problem(await client.get("/users/user123"), 503, "service-unavailable")
        await until_ready(client, status=503)
        await assert_away(client)
        late = await start_at(address, USERS)
        await assert_away(late)
    finally:
        postgres_server.start()
    await assert_well(client)
    await assert_well(late)


@pytest.mark.postgres
async def test_a_server_that_hangs_is_503_in_time(
    start_at: StartService, postgres_databases: Databases, postgres_server: PostgresServer
) -> None:
    """The first requests wait their timeout, later ones not at all; it recovers when the server does."""
    client = await start_at(await postgres_databases.founded(USERS), USERS, DATABASE_TIMEOUT_SECONDS="1.5")
    await assert_well(client)
    postgres_server.hang()
    try:
        async with asyncio.timeout(READY_SECONDS):
            assert_problem(await client.get("/users/user123"), 503, "service-unavailable")
        await until_ready(client, status=503)
        await assert_away(client)
    finally:
        postgres_server.go_on()
    await assert_well(client)


@pytest.mark.postgres
async def test_leaving_a_database_that_hangs_is_bounded(
    postgres_databases: Databases, postgres_server: PostgresServer
) -> None:
    """A process can end although its database does not let go."""
    address = await postgres_databases.founded(USERS)
    database = Database(USERS.title, load(USERS.settings, {"DATABASE_URL": address}), USERS.data_set)
    async with database:
        async with asyncio.timeout(READY_SECONDS):
            while not database.ready():
                await asyncio.sleep(0.01)
        assert await database.check()
        postgres_server.hang()
        started = time.monotonic()
    took = time.monotonic() - started
    postgres_server.go_on()
    last_words = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.gather(*last_words, return_exceptions=True)
    assert took < 10


@pytest.mark.postgres
async def test_connections_that_died_in_the_pool_are_not_noticed(
    start_at: StartService, postgres_databases: Databases
) -> None:
    """A fast restart of the server, seen from outside: no request fails."""
    address = await postgres_databases.founded(USERS)
    client = await start_at(address, USERS)
    await assert_well(client)
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'user-service'"
    for _ in range(3):
        assert await execute(address, kill)
        assert (await client.get("/users/user123")).status_code == 200


@pytest.mark.postgres
async def test_a_slow_statement_does_not_condemn_the_database(
    start_at: StartService, postgres_databases: Databases
) -> None:
    """What waits for a lock is 503 in time; the service stays ready, for the rest of the database is well."""
    address = postgres_databases.empty()
    client = await start_at(address, USERS, DATABASE_TIMEOUT_SECONDS="2")
    await assert_well(client)
    engine = create_async_engine(DATABASE_URL.parse(address))
    async with engine.begin() as connection:
        await connection.execute(text("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"))
        assert_problem(await client.get("/users/user123"), 503, "service-unavailable")
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 200
    await engine.dispose()
    await assert_well(client)
