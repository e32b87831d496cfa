"""What a service tells one gateway, or Redis, is outdated in the other one too, whatever becomes of Redis."""

import http.client
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from redis import Redis

from tests.fixtures.counting_services import CountingServices
from tests.fixtures.edge_on import shown_to
from tests.fixtures.processes import App, StartApp, wait_until
from tests.fixtures.redis_server import RedisServer

TOKEN = "open-sesame-1"
STREAM, PROFILE = "bff:events", "/api/profile/user1"
_numbers = itertools.count()


@pytest.fixture
def services() -> Iterator[CountingServices]:
    """Services that answer at once; a user's name tells by which call it has come."""
    with CountingServices(0.0) as running:
        yield running


@pytest.fixture
def two(start_app: StartApp, services: CountingServices, redis_server: RedisServer) -> tuple[App, App]:
    """Two gateways with one Redis, of two workers each, which keep what they have for an hour."""
    settings = {"REDIS_URL": redis_server.url, "EVENTS_TOKEN": TOKEN, "CACHE_TTL_SECONDS": "3600", "WORKERS": "2"}
    apps = start_app("bff", **settings, **services.environment), start_app("bff", **settings, **services.environment)
    for app in apps:
        wait_until(partial(_is_up, app), "it does not become ready")
    return apps


def _is_up(app: App) -> bool:
    return _asked(app, "/health/ready")[0] == 200 and b'"redis":"healthy"' in _asked(app, "/health")[1]


def _asked(app: App, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/cloudevents+json"}
    with closing(http.client.HTTPConnection("127.0.0.1", app.port, timeout=20)) as connection:
        connection.request(
            "GET" if body is None else "POST", path, body, shown_to(app.environment) if body is None else head
        )
        answer = connection.getresponse()
        return answer.status, answer.read()


def _name(app: App) -> str:
    """What the gateway says of the user."""
    status, body = _asked(app, PROFILE)
    assert status == 200
    name: str = json.loads(body)["user"]["full_name"]
    return name


def _event() -> bytes:
    told: dict[str, Any] = {"specversion": "1.0", "id": str(next(_numbers)), "source": "/test", "subject": "user1"}
    return json.dumps(told | {"type": "com.example.user.changed.v1"}).encode()


def _post(app: App, body: bytes) -> None:
    wait_until(lambda: _asked(app, "/api/events", body)[0] == 202, "the event is not taken")


def _append(redis: RedisServer, body: bytes) -> None:
    with redis.client() as client:
        client.xadd(STREAM, {"event": body})


def _is_settled(apps: tuple[App, App], names: set[str]) -> bool:
    """Whether all say the same again and again, and it is none of these."""
    said = {_name(app) for app in apps for _ in range(4)}
    return len(said) == 1 and said.isdisjoint(names)


@pytest.mark.parametrize("by", ["post", "append"])
def test_all_gateways_ask_again(two: tuple[App, App], redis_server: RedisServer, by: str) -> None:
    """Each of their workers, once for each event."""
    names: set[str] = set()
    for number in range(5):
        wait_until(partial(_is_settled, two, names), "somebody says what was before")
        names.add(_name(two[0]))
        tell = partial(_post, two[number % 2]) if by == "post" else partial(_append, redis_server)
        tell(_event())
        wait_until(lambda: _name(two[0]) not in names, "the first goes on")
        wait_until(lambda: _name(two[1]) not in names, "the other goes on")


def _kill(redis: RedisServer, _client: "Redis") -> None:
    redis.kill()
    redis.start()


def _flush(_redis: RedisServer, client: "Redis") -> None:
    client.flushall()


def _trim(_redis: RedisServer, client: "Redis") -> None:
    client.xtrim(STREAM, maxlen=0, approximate=False)


@pytest.mark.parametrize("what", [_kill, _flush, _trim])
def test_what_may_have_been_missed_is_asked_for_again(
    two: tuple[App, App], redis_server: RedisServer, what: Callable[[RedisServer, "Redis"], None]
) -> None:
    """Redis is killed and comes back empty, or is emptied, or the stream is; then events are heard as before."""
    _append(redis_server, _event())
    names: set[str] = set()
    wait_until(partial(_is_settled, two, names), "the first event is not heard")
    for _ in range(2):
        names.add(_name(two[0]))
        with redis_server.client() as client:
            what(redis_server, client)
        wait_until(partial(_is_settled, two, names), "what was known before is trusted")
        names.add(_name(two[0]))
        _append(redis_server, _event())
        wait_until(partial(_is_settled, two, names), "an event is not heard")
