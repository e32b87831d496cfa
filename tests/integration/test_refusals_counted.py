"""Whoever is not let in is counted once, by why: answered early or by way of Sanic, at once or after waiting."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from tests.fixtures.exposition import read
from tests.fixtures.gateway import Gateway, StartGateway
from tests.fixtures.issuer import Issuer, KeyServer, signing_key

_REASONS: Final = ("absent", "malformed", "invalid", "forbidden", "undecided")
_PROFILE: Final = "/api/profile/user1"
_TIMES: Final = 3

_SHOWN: Final[Mapping[str, tuple[Callable[[Issuer], str], int, str]]] = {
    "nothing": (lambda _issuer: "", 401, "absent"),
    "another scheme": (lambda _issuer: "Basic dXNlcjE6", 401, "absent"),
    "two words": (lambda _issuer: "Bearer one two", 400, "malformed"),
    "no token": (lambda _issuer: "Bearer nonsense", 401, "invalid"),
    "one that has ended": (lambda issuer: f"Bearer {issuer.token('user1', exp=1)}", 401, "invalid"),
    "one that is too long": (lambda issuer: f"Bearer {issuer.long_token(6_200)}", 401, "invalid"),
    "one of a key that nobody knows": (
        lambda issuer: f"Bearer {issuer.token('user1', key=signing_key('strange', 'ES256'))}",
        401,
        "invalid",
    ),
    "somebody else's": (lambda issuer: f"Bearer {issuer.token('user2', scope='profile:read')}", 403, "forbidden"),
    "one without the scope": (lambda issuer: f"Bearer {issuer.token('user1')}", 403, "forbidden"),
    "a good one": (lambda issuer: f"Bearer {issuer.token('user1', scope='profile:read')}", 200, ""),
}
"""What is shown as Authorization, the status of the answer, and the reason that is counted."""

_early = pytest.mark.parametrize("early", ["true", "false"])


async def _counted(gateway: Gateway) -> dict[str, float]:
    found = read((await gateway.get("/metrics")).text)
    return {reason: found.value("auth_refused_total", reason=reason) for reason in _REASONS}


async def _added(gateway: Gateway, ask: Callable[[], Any]) -> tuple[list[int], dict[str, float]]:
    """The statuses of answers to what is asked a few times, and what was counted meanwhile."""
    before = await _counted(gateway)
    statuses = [(await ask()).status_code for _ in range(_TIMES)]
    after = await _counted(gateway)
    return statuses, {reason: after[reason] - before[reason] for reason in _REASONS if after[reason] > before[reason]}


@_early
@pytest.mark.parametrize(("shown", "status", "reason"), _SHOWN.values(), ids=_SHOWN)
async def test_refused_tokens_count_by_reason(  # noqa: PLR0917 - what is shown, and where
    start_gateway: StartGateway,
    asks_for_tokens: Mapping[str, str],
    issuer: Issuer,
    early: str,
    shown: Callable[[Issuer], str],
    status: int,
    reason: str,
) -> None:
    """Each request that is refused counts for one reason, and one that is let in for none."""
    gateway = await start_gateway(EARLY_ANSWERS=early, **asks_for_tokens)
    authorization = shown(issuer)
    fields = {"Authorization": authorization} if authorization else {}
    found = await _added(gateway, lambda: gateway.get(_PROFILE, **fields))
    assert found == ([status] * _TIMES, {reason: _TIMES} if reason else {})


@_early
async def test_without_keys_nobody_can_tell(
    start_gateway: StartGateway, issuer: Issuer, key_server: KeyServer, early: str
) -> None:
    """A token that cannot be verified counts as undecided, not as one that is not accepted."""
    key_server.status = 500
    gateway = await start_gateway(EARLY_ANSWERS=early, **key_server.environment)
    token = issuer.token("user1", scope="profile:read")
    found = await _added(gateway, lambda: gateway.get(_PROFILE, Authorization=f"Bearer {token}"))
    assert found == ([503] * _TIMES, {"undecided": _TIMES})


@pytest.mark.parametrize(("fields", "reason"), [({}, "absent"), ({"Authorization": "Bearer wrong"}, "invalid")])
async def test_admin_routes_count_too(start_gateway: StartGateway, fields: Mapping[str, str], reason: str) -> None:
    """Where nobody else is asked for a token."""
    gateway = await start_gateway(ADMIN_TOKEN="open-sesame", AUTH="off")
    found = await _added(gateway, lambda: gateway.client.delete("/api/cache", headers=fields))
    assert found == ([401] * _TIMES, {reason: _TIMES})


@_early
async def test_a_used_up_quota_is_counted_as_that(
    start_gateway: StartGateway, asks_for_tokens: Mapping[str, str], early: str
) -> None:
    """Of refused tokens from an address that are too many, those that are answered 429 count for their limit alone."""
    gateway = await start_gateway(EARLY_ANSWERS=early, RATE_LIMIT_FAILURES="2/86400", **asks_for_tokens)
    found = await _added(gateway, lambda: gateway.get(_PROFILE, Authorization="Bearer nonsense"))
    assert found == ([401, 401, 429], {"invalid": 2})
