"""What was changed is not given any more by any worker once anybody knows of it, whatever its read cache had."""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from tests.fixtures.exposition import scraped
from tests.fixtures.processes import App, StartApp, wait_until
from tests.fixtures.redis_server import RedisServer
from tests.services.kinds import Databases

PRODUCTS = range(1, 13)
CONNECTIONS = 12
BLOCK_MS = 9_000
LONG = {"READ_CACHE_SECONDS": "60", "WORKERS": "2", "DATABASE_TIMEOUT_SECONDS": "60"}


def _get(app: App, path: str) -> Any:
    with urllib.request.urlopen(f"{app.url}{path}", timeout=30) as answer:
        return json.load(answer)


def _patch(app: App, path: str, patch: object) -> Any:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{app.url}{path}", json.dumps(patch).encode(), headers, method="PATCH")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def _prices(app: App, threads: ThreadPoolExecutor, number: int) -> set[float]:
    """What is told by whichever worker has each of many new connections."""
    return {one["price"] for one in threads.map(lambda _: _get(app, f"/products/prod{number}"), range(CONNECTIONS))}


def _all_are_ready(app: App) -> bool:
    """Whether each worker is: the first one that is answers for the other too."""
    return app.lines().count('"database ready"') == 2


def _hits(app: App) -> float:
    return scraped(app).value("cache_hits_total")


@pytest.mark.parametrize("has_redis", [True, False])
def test_nobody_is_given_what_was(
    databases: Databases, start_app: StartApp, redis_server: RedisServer, meddler: "Redis", *, has_redis: bool
) -> None:
    """Neither whoever made the change nor whoever was told by its event; without Redis workers keep nothing."""
    environment = {**LONG, "DATABASE_URL": databases.empty(), "REDIS_URL": redis_server.url if has_redis else ""}
    app = start_app("services.products", **environment)
    wait_until(lambda: _all_are_ready(app), "one worker is not ready:\n{}", app.log)
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        for number in PRODUCTS:
            before = {_get(app, f"/products/prod{number}")["price"]}
            for _ in range(3):
                assert _prices(app, threads, number) == before
        assert (_hits(app) > 0) == has_redis
        last: Any = b"0"
        for number in PRODUCTS:
            changing = threads.submit(_patch, app, f"/products/prod{number}", {"price": 7000 + number})
            if has_redis:
                told: Any = meddler.xread({"bff:events": last}, block=BLOCK_MS)
                ((_, ((last, _),)),) = told
            else:
                assert changing.result()["price"] == 7000 + number
            assert _prices(app, threads, number) == {7000 + number}
            assert changing.result()["price"] == 7000 + number
