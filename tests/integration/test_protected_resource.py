"""Where clients find out whose access tokens they need (RFC 9728)."""

from pathlib import Path

import pytest

from tests.fixtures.gateway import StartGateway
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer
from tests.fixtures.openapi import Described

WELL_KNOWN = "/.well-known/oauth-protected-resource"


@pytest.mark.parametrize(("resource", "path"), [("", WELL_KNOWN), ("/v1", f"{WELL_KNOWN}/v1")])
async def test_a_client_is_led_from_a_refusal_to_the_issuer(
    start_gateway: StartGateway, issuer: Issuer, tmp_path: Path, resource: str, path: str
) -> None:
    """By the address in the challenge, at which there are the issuer and all scopes; never by what Host says."""
    keys = tmp_path / "jwks.json"
    keys.write_bytes(issuer.key_set())
    gateway = await start_gateway(
        AUTH="jwt",
        AUTH_JWKS_FILE=str(keys),
        AUTH_ISSUER=ISSUER,
        AUTH_AUDIENCE=AUDIENCE,
        AUTH_RESOURCE=f"https://api.example.org{resource}",
    )
    refusal = await gateway.get("/api/profile/user1", Host="evil.example")
    assert refusal.status_code == 401
    assert refusal.headers["www-authenticate"] == f'Bearer resource_metadata="https://api.example.org{path}"'
    answer = await gateway.get(path)
    assert answer.json() == {
        "resource": f"https://api.example.org{resource}",
        "authorization_servers": [ISSUER],
        "scopes_supported": [
            "cache:purge",
            "events:write",
            "ops:read",
            "orders:write",
            "orders:write:any",
            "profile:read",
            "profile:read:any",
            "profile:write",
            "profile:write:any",
            "tokens:revoke",
        ],
        "bearer_methods_supported": ["header"],
    }
    assert (await gateway.get("/")).json()["links"]["protected_resource"] == path
    Described((await gateway.get("/openapi.json")).json()).assert_tells_of("GET", path, answer)


@pytest.mark.parametrize("setting", [{}, {"AUTH_RESOURCE": "https://api.example.org"}])
async def test_where_no_tokens_are_asked_for_there_is_no_such_thing(
    start_gateway: StartGateway, setting: dict[str, str]
) -> None:
    """Nobody is sent looking for an issuer."""
    gateway = await start_gateway(**{"AUTH": "off", **setting})
    assert (await gateway.get(WELL_KNOWN)).status_code == 404
    assert "protected_resource" not in (await gateway.get("/")).json()["links"]
