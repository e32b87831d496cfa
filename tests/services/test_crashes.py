"""A crash anywhere between a change and whoever is told of it loses neither, and does nothing twice."""

import http.client
import json
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.fixtures.processes import App, ending, free_port, wait_until
from tests.fixtures.redis_server import RedisServer
from tests.services.kinds import Databases

POINTS = {"committed": 1, "taken": 1, "told": 2, "forgotten": 1}
"""How often the event is in the stream at last."""

ORDER = {"user_id": "user123", "items": [{"product_id": "prod1", "quantity": 1, "price": 9.99}]}


def _send(app: App, method: str, path: str, body: object = None, key: str = "") -> Any:
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(
        urllib.request.Request(f"{app.url}{path}", data, headers, method=method), timeout=30
    ) as answer:
        return json.load(answer)


def _events(redis: "Redis") -> list[Any]:
    entries: Any = redis.xrange("bff:events")
    return [json.loads(fields[b"event"]) for _, fields in entries]


def _crash(app: App, *request: Any) -> None:
    """Send a request that the app does not live to see the end of."""
    app.start()
    with suppress(OSError, http.client.HTTPException):  # the crash may come before the answer
        _send(app, *request)
    wait_until(lambda: app.process is None or app.process.poll() is not None, "it lives:\n{}", app.log)


@pytest.mark.parametrize(("service", "point"), [(one, point) for one in ("products", "orders") for point in POINTS])
def test_no_event_is_lost(
    databases: Databases, redis_server: RedisServer, tmp_path: Path, *, service: str, point: str
) -> None:
    """Whoever comes next tells it, with the same id; what was changed stays, and what is sent again changes nothing."""
    environment = {"DATABASE_URL": databases.empty(), "REDIS_URL": redis_server.url, "DATABASE_TIMEOUT_SECONDS": "60"}
    request = ("PATCH", "/products/prod1", {"price": 1}) if service == "products" else ("POST", "/orders", ORDER, "key")
    crashing = {**environment, "SERVICE": service, "CRASH_AT": point}
    with ExitStack() as ends:
        meddler = ends.enter_context(redis_server.client())
        first = App("tests.services.crashing", free_port(), crashing, tmp_path / "first.log")
        ends.enter_context(ending(first))
        _crash(first, *request)
        second = App(f"services.{service}", free_port(), environment, tmp_path / "second.log")
        ends.enter_context(ending(second))
        second.start()
        wait_until(lambda: len(_events(meddler)) >= POINTS[point], "nobody is told:\n{}", second.log)
        again = _send(second, *request)
        subject = again["id"]
        if service == "products":
            assert _send(second, "GET", "/products/prod1")["price"] == 1
        else:
            assert [one["id"] for one in _send(second, "GET", "/orders/user/user123")].count(subject) == 1
        # What is changed now is told after all that may have been left.
        last: Mapping[str, Any] = {"stock_quantity": 1}
        _send(second, "PATCH", "/products/prod1", last) if service == "products" else _send(
            second, "POST", "/orders", ORDER, "another"
        )
        wait_until(lambda: len(_events(meddler)) > POINTS[point], "nobody is told:\n{}", second.log)
        events = _events(meddler)
    assert [event["subject"] for event in events[:-1]] == [subject] * POINTS[point]
    assert len({event["id"] for event in events[:-1]}) == 1
    assert events[-1]["id"] != events[0]["id"]
