"""Databases of both kinds, and services on them: in this process for most tests, on real sockets."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any

import pytest

from shared.settings.loading import load
from tests.fixtures.suite_settings import ANSWER_SECONDS
from tests.services.kinds import Databases, Service
from tests.services.postgres_server import PostgresServer

READY_SECONDS = 30
_SQLITE_THREAD = "_connection_worker_thread"
_LEAVING_SECONDS = 10

StartService = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running server that all tests share; a test that stops it starts it again."""
    server = PostgresServer.create()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Files in a folder of the tests' own."""
    folder, numbers = tmp_path_factory.mktemp("sqlite"), count(1)
    return Databases(lambda: f"sqlite:///{folder}/{next(numbers)}/data.db")


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: PostgresServer) -> Databases:
    """Databases on a server of the tests' own."""
    return Databases(postgres_server.new_database)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Databases of each kind in turn: what a test finds on one must hold on the other."""
    made: Databases = request.getfixturevalue(f"{request.param}_databases")
    return made


@pytest.fixture(autouse=True)
def nothing_outlives_its_loop(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """What a service has left behind, for a database that hangs, comes to its end before that: tasks, and threads."""
    yield
    if left := asyncio.all_tasks(loop):
        loop.run_until_complete(asyncio.wait(left, timeout=_LEAVING_SECONDS))
    for thread in threading.enumerate():
        if _SQLITE_THREAD in thread.name:
            thread.join(_LEAVING_SECONDS)


@pytest.fixture
def start_at(sanic_client: Any) -> StartService:
    """Serves a service on the database at an address, ready or not; gives a client of it."""

    async def start(address: str, service: Service, **environment: str) -> Any:
        settings = load(service.settings, {"DATABASE_URL": address, **environment})
        app = service.create_app(settings)
        return await sanic_client(app, verify=False, timeout=ANSWER_SECONDS)  # no TLS here, and loading CAs is slow

    return start


@pytest.fixture
def start_service(start_at: StartService, databases: Databases) -> StartService:
    """Serves a service on the shared database, once with each kind; gives a client of it once it is ready."""

    async def start(service: Service, **environment: str) -> Any:
        client = await start_at(await databases.founded(service), service, **environment)
        await until_ready(client)
        return client

    return start


@pytest.fixture
def start_new(start_at: StartService, databases: Databases) -> StartService:
    """Serves a service on a database of its own, which may be changed; gives a client of it once it is ready."""

    async def start(service: Service, **environment: str) -> Any:
        client = await start_at(databases.empty(), service, **environment)
        await until_ready(client)
        return client

    return start


async def until_ready(client: Any, *, status: int = 200) -> None:
    """Wait until ``/health/ready`` answers with ``status``."""
    async with asyncio.timeout(READY_SECONDS):
        while (await client.get("/health/ready")).status_code != status:
            await asyncio.sleep(0.01)


def assert_problem(answer: Any, status: int, word: str, *mentioned: str) -> None:
    """``answer`` is a whole problem document of this status and kind whose detail mentions these texts."""
    document = answer.json()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(document) == {"type", "title", "status", "detail", "instance", "request_id"}
    assert (document["type"], document["status"]) == (f"urn:problem:{word}", status)
    for text in mentioned:
        assert text in document["detail"]
