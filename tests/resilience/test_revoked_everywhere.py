"""A token that is revoked in one gateway is of no use at another, on connections that are open already too."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest

from tests.fixtures.counting_services import CountingServices
from tests.fixtures.issuer import Issuer, KeyServer
from tests.fixtures.processes import App, StartApp, wait_until
from tests.fixtures.redis_server import RedisServer

ADMIN = "open-sesame-1"
PROFILE = "/api/profile/user1"


@pytest.fixture
def services() -> Iterator[CountingServices]:
    """Services that answer at once."""
    with CountingServices(0.0) as running:
        yield running


@pytest.fixture
def two(
    start_app: StartApp, services: CountingServices, redis_server: RedisServer, key_server: KeyServer
) -> tuple[App, App]:
    """Two gateways with one Redis that ask for tokens of one issuer."""
    settings = {"REDIS_URL": redis_server.url, "ADMIN_TOKEN": ADMIN, **services.environment, **key_server.environment}
    apps = start_app("bff", **settings), start_app("bff", **settings)
    for app in apps:
        wait_until(partial(_is_ready, app), "it does not become ready")
    return apps


def _is_ready(app: App) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", app.port, timeout=10)) as connection:
        return _asked(connection, "/health/ready") == 200


def _asked(connection: http.client.HTTPConnection, path: str, token: str | None = None) -> int:
    connection.request("GET", path, headers={} if token is None else {"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _revoke(app: App, **what: object) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", app.port, timeout=10)) as connection:
        connection.request("POST", "/api/revocations", json.dumps(what), {"Authorization": f"Bearer {ADMIN}"})
        return connection.getresponse().status


@pytest.mark.parametrize("by", ["jti", "sub"])
def test_the_other_gateway_obeys_too(two: tuple[App, App], issuer: Issuer, by: str) -> None:
    """In the middle of a connection; another token is as good as before."""
    here, there = two
    token, other = (issuer.token(name, scope="profile:read", jti=name) for name in ("user1", "user2"))
    with closing(http.client.HTTPConnection("127.0.0.1", there.port, timeout=10)) as kept:
        assert [_asked(kept, PROFILE, token) for _ in range(3)] == [200] * 3
        open_socket = kept.sock
        assert _revoke(here, **{by: "user1"} | ({"not_before": issuer.now() + 1} if by == "sub" else {})) == 204
        wait_until(lambda: _asked(kept, PROFILE, token) == 401, "the other gateway goes on")
        assert [_asked(kept, PROFILE, token) for _ in range(3)] == [401] * 3
        assert _asked(kept, "/api/profile/user2", other) == 200
        assert kept.sock is open_socket
