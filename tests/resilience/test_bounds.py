"""What a gateway holds does not grow with the number of users that ask."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.fixtures.counting_services import CountingServices
from tests.fixtures.load import Connection
from tests.fixtures.processes import App, StartApp
from tests.fixtures.redis_server import RedisServer

MOST_ENTRIES = 1_000
USERS = 10_000
CONNECTIONS = 8
LOOK_EVERY = 500
GROWTH_KIB = 3 * 1024


def _resident_kib(app: App) -> int:
    assert app.process is not None
    found = re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{app.process.pid}/status").read_text())
    assert found is not None
    return int(found[1])


def _entries_while_asking(app: App, first: int) -> list[int]:
    """Ask for as many users, each once; how many entries there were from time to time."""
    entries: list[int] = []
    users = iter(range(first, first + USERS))

    async def ask() -> None:
        async with Connection(app.port) as connection:
            for user in users:
                got = await connection.get(f"/api/profile/user{user}")
                assert got.status == 200
                assert b'"partial":false' in got.body
                if user % LOOK_EVERY == 0:
                    stats = await connection.get("/api/cache/stats")
                    entries.append(json.loads(stats.body)["tiers"]["memory"]["entries"])

    async def ask_on_all() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(ask())

    asyncio.run(ask_on_all(), debug=False)
    return entries


@pytest.mark.timeout(300)
def test_memory_is_bounded_however_many_users_ask(start_app: StartApp, redis_server: RedisServer) -> None:
    """Twenty times as many users as fit cost no more entries than allowed, and no more memory than half of them."""
    with CountingServices() as services:
        settings = {"REDIS_URL": redis_server.url, "CACHE_MEMORY_ENTRIES": str(MOST_ENTRIES)}
        app = start_app("bff", **settings, **services.environment)
        entries = _entries_while_asking(app, 0)
        half_way = _resident_kib(app)
        entries += _entries_while_asking(app, USERS)
        assert _resident_kib(app) - half_way < GROWTH_KIB
    assert max(entries) == MOST_ENTRIES
    assert len(entries) == 2 * USERS // LOOK_EVERY
