"""Only a 404 that the user service itself wrote says that a user does not exist."""

from collections.abc import Mapping
from typing import Final

import pytest

from shared.upstream.call import Reply
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import Clock, StartGateway

PROFILE: Final = "/api/profile/user1"
_JSON: Final = "application/json"

_STRANGERS: Final = [
    ({"content-type": "text/html"}, b"<html>404</html>"),
    ({"content-type": "text/html"}, b"{}"),
    ({"content-type": "text/plain"}, b"default backend - 404"),
    ({"content-type": "application/jsonx"}, b"{}"),
    ({"content-type": "application/json+html"}, b"{}"),
    ({"content-type": "json"}, b"{}"),
    ({"content-type": ""}, b"{}"),
    ({}, b"{}"),
    ({}, b""),
    ({"content-type": _JSON}, b""),
    ({"content-type": _JSON}, b" "),
    ({"content-type": _JSON}, b"<html>"),
    ({"content-type": _JSON}, b'{"detail":'),
    ({"content-type": _JSON}, b"{}{}"),
    ({"content-type": _JSON}, b"NaN"),
    ({"content-type": _JSON}, b"\xff\xfe"),
    ({"content-type": _JSON}, b"[" * 100_000),
    ({"content-type": "application/problem+json"}, b"404 page not found\n"),
]
_OWN: Final = [
    ({"content-type": _JSON}, b"{}"),
    ({"content-type": "Application/JSON; charset=utf-8"}, b'{"detail":"no such user"}'),
    ({"content-type": "application/problem+json"}, b'{"status":404}'),
    ({"content-type": "application/vnd.users.v2+json"}, b"null"),
]


@pytest.mark.parametrize(("headers", "body"), _STRANGERS, ids=str)
async def test_a_strangers_404_is_a_bad_response(
    start_gateway: StartGateway, headers: Mapping[str, str], body: bytes
) -> None:
    """It makes no user unknown, erases nothing, and leaves the breaker alone."""
    clock = Clock()
    services = FakeServices.with_profile()
    gateway = await start_gateway(services, clock=clock, BREAKER_MIN_CALLS="1", CACHE_THROTTLE_SECONDS="0")
    good = (await gateway.get(PROFILE)).json()
    services.replies["users"] = lambda _call: Reply(404, headers, body)
    for _ in range(3):
        clock.now += 40
        document = (await gateway.get(PROFILE)).json()
        assert document["user"] == good["user"]
        part = document["metadata"]["parts"]["user"]
        assert (part["status"], part["reason"]) == ("stale", "bad_response")
    answer = await gateway.get("/api/profile/user2")
    assert answer.status_code == 200
    assert answer.json()["metadata"]["parts"]["user"] == {"status": "missing", "reason": "bad_response"}
    services.replies.clear()
    assert (await gateway.get(PROFILE)).json()["metadata"]["parts"]["user"] == {"status": "fresh"}


@pytest.mark.parametrize(("headers", "body"), _OWN, ids=str)
async def test_the_services_own_404_means_that_there_is_none(
    start_gateway: StartGateway, headers: Mapping[str, str], body: bytes
) -> None:
    """A JSON body, under whatever name of JSON."""
    services = FakeServices.with_profile()
    services.replies["users"] = lambda _call: Reply(404, headers, body)
    assert (await (await start_gateway(services)).get(PROFILE)).status_code == 404
