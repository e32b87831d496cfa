"""What a connection that is kept alive remembers of its client counts for no longer than it is true."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from bff.app import create_app
from bff.settings import GatewaySettings
from shared.edge.revocations import Revocation, Revocations
from shared.settings.loading import load
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import StartGateway
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer
from tests.kit.wire import Wire

INVALID: Final = 'Bearer error="invalid_token"'


def _asked(token: str, method: str = "GET", path: str = "/api/profile/user1") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


@pytest.fixture(params=["true", "false"])
def environment(request: pytest.FixtureRequest, issuer: Issuer, tmp_path: Path) -> Mapping[str, str]:
    """Settings of a gateway that answers early, or does not."""
    keys = tmp_path / "keys.json"
    keys.write_bytes(issuer.key_set())
    return {
        "EARLY_ANSWERS": request.param, "AUTH": "jwt", "AUTH_JWKS_FILE": str(keys), "AUTH_ISSUER": ISSUER,
        "AUTH_AUDIENCE": AUDIENCE, "CACHE_TTL_SECONDS": "600",
    }  # fmt: skip


async def _answer(wire: Wire, token: str) -> tuple[int, str | None]:
    wire.send(_asked(token))
    status, fields, _ = await wire.answer()
    return status, fields.get("www-authenticate")


async def test_a_token_ends_in_the_middle(
    start_gateway: StartGateway, environment: Mapping[str, str], issuer: Issuer
) -> None:
    """Good until the very instant of ``exp``, and at no time after it."""
    gateway = await start_gateway(**environment, AUTH_LEEWAY_SECONDS="0")
    ends = time.time() + 1.0
    token = issuer.token("user1", scope="profile:read", exp=ends)
    statuses = []
    async with Wire(gateway.client.port) as wire:
        while 401 not in statuses:
            begun = time.time()
            answered = await _answer(wire, token)
            assert answered in {(200, None), (401, INVALID)}
            statuses.append(answered[0])
            assert answered[0] == 200 or time.time() >= ends
            assert answered[0] == 401 or begun < ends
            await asyncio.sleep(0.01)
        for _ in range(3):
            assert await _answer(wire, token) == (401, INVALID)
    assert statuses.count(200) > 1


_BY_TOKEN: Final = Revocation.of_token("this", time.time() + 3600)


def _of_subject(issuer: Issuer) -> Revocation:
    return Revocation.of_subject("user1", issuer.now() + 1, issuer.now() + 3600)


@pytest.mark.parametrize("revoke", [lambda _: _BY_TOKEN, _of_subject], ids=["the token", "the subject's tokens"])
async def test_a_token_is_revoked_in_the_middle(
    start_gateway: StartGateway,
    environment: Mapping[str, str],
    issuer: Issuer,
    revoke: Callable[[Issuer], Revocation],
) -> None:
    """The next request is refused; a token that was not meant goes on, and so does a later one of the same client."""
    gateway = await start_gateway(**environment)
    token = issuer.token("user1", scope="profile:read", jti="this")
    other = issuer.token("support", scope="profile:read:any")
    later = issuer.token("user1", scope="profile:read", jti="another", iat=int(issuer.now()) + 10)
    revocations: Revocations = gateway.client.app.ctx.edge._identification._revocations
    async with Wire(gateway.client.port) as wire, Wire(gateway.client.port) as another:
        for one in (token, other, later, token):
            for connection in (wire, another):
                assert (await _answer(connection, one))[0] == 200
        revocations.add(revoke(issuer))
        for connection in (wire, another):
            assert await _answer(connection, token) == (401, INVALID)
            assert (await _answer(connection, other))[0] == 200
            assert (await _answer(connection, later))[0] == 200
            assert await _answer(connection, token) == (401, INVALID)


async def test_the_admin_token_is_exchanged_in_the_middle(
    sanic_client: Any, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """The old one is refused and the new one accepted, on a connection that has seen both."""
    old, new, file = "the-old-admin-token", "the-new-admin-token", tmp_path / "admin"
    file.write_text(old)
    settings = load(GatewaySettings, {**environment, "ADMIN_TOKEN_FILE": str(file)})
    app = create_app(settings, transports=FakeServices.with_profile().transports())
    client = await sanic_client(app, verify=False)
    async with Wire(client.port) as wire:
        for accepted, refused in ((old, new), (new, old)):
            for _ in range(2):
                for token, expected in ((accepted, 204), (refused, 401)):
                    wire.send(_asked(token, "DELETE", "/api/cache/profile/user1"))
                    assert (await wire.answer())[0] == expected
            file.write_text(new)
            settings.admin_token.reload()
