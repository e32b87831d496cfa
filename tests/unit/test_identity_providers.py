"""Access tokens of the shapes that identity providers document, taken with the settings that the documentation has."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from shared.edge.claims import TokenRules
from shared.edge.keys import KeySet
from shared.edge.settings import EdgeSettings
from shared.edge.tokens import InvalidToken, Verifier
from shared.settings.loading import load
from tests.fixtures.issuer import signing_key

NOW: Final = 1_800_000_000
USER: Final = "user123"
PAGE: Final = (Path(__file__).resolve().parents[2] / "docs" / "edge.md").read_text("utf-8")
_cell = re.compile(r"`([^`]+)`").search


class Provider(NamedTuple):
    """What one sends: its audience, the header and claims of a token, and what it publishes of a key besides."""

    audience: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    jwk: Mapping[str, Any] = {}


PROVIDERS: Final = {
    "Keycloak": Provider(
        "https://api.example.org",
        {"typ": "JWT"},
        {"aud": ["https://api.example.org", "account"], "typ": "Bearer", "azp": "web", "sub": USER, "jti": "onrtac:1",
         "sid": "s", "acr": "1", "allowed-origins": ["/*"], "realm_access": {"roles": ["offline_access"]},
         "resource_access": {"account": {"roles": ["view-profile"]}}, "scope": "openid profile:read email"},
        {"alg": "RS256", "x5c": ["MIIC"], "x5t": "t", "x5t#S256": "t"},
    ),
    "Auth0": Provider(
        "https://api.example.org",
        {"typ": "JWT"},
        {"aud": ["https://api.example.org", "https://TENANT.auth0.com/userinfo"], "azp": "web", "sub": "auth0|123456",
         "https://api.example.org/user_id": USER, "gty": "password", "scope": "openid profile:read"},
        {"alg": "RS256", "x5c": ["MIIC"], "x5t": "t"},
    ),
    "Entra ID": Provider(
        "6e74172b-be56-4843-9ff4-e66a39bb12e3",
        {"typ": "JWT"},
        {"aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3", "azp": "web", "oid": USER, "tid": "TENANT",
         "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "nbf": NOW, "scp": "profile:read", "ver": "2.0"},
        {"alg": None, "x5c": ["MIIC"], "x5t": "t", "issuer": "https://login.microsoftonline.com/TENANT/v2.0"},
    ),
    "Okta": Provider(
        "api://default",
        {"typ": None},
        {"aud": "api://default", "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7Lp", "cid": "web", "uid": USER,
         "scp": ["openid", "profile:read"], "auth_time": NOW, "sub": "maria@example.org"},
        {"alg": "RS256"},
    ),
    "Cognito": Provider(
        "https://api.example.org",
        {"typ": None},
        {"aud": "https://api.example.org", "client_id": "web", "token_use": "access", "sub": USER, "username": "maria",
         "scope": "openid profile:read", "auth_time": NOW, "version": 2, "jti": "j", "origin_jti": "o"},
        {"alg": "RS256"},
    ),
}  # fmt: skip
KEY: Final = signing_key("provider", "RS256")


def documented(provider: str) -> dict[str, str]:
    """The row of the table about ``provider``."""
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| [{provider}]"))
    (head,) = (line for line in PAGE.splitlines() if line.startswith("| | `AUTH_ISSUER` |"))
    cells = zip(head.split("|")[2:-1], row.split("|")[2:-1], strict=True)
    return {name[1]: value[1] for one, two in cells if (name := _cell(one)) and (value := _cell(two))}


def accepts(
    name: str, *, header: Mapping[str, Any] | None = None, types: str | None = None, **claims: Any
) -> tuple[str, bool]:
    """Whom a token of the provider is taken for, and whether it may read a profile; None leaves a member out."""
    provider = PROVIDERS[name]
    environ = {"AUTH": "jwt", "AUTH_AUDIENCE": provider.audience, **documented(name)}
    environ |= {} if types is None else {"AUTH_TOKEN_TYPES": types}
    rules = TokenRules.of(load(EdgeSettings, environ))
    head = {"alg": KEY.alg, "kid": KEY.kid, **provider.header, **(header or {})}
    said = {"iss": environ["AUTH_ISSUER"], "iat": NOW, "exp": NOW + 3600, **provider.claims, **claims}
    token = KEY.sign(*({key: value for key, value in one.items() if value is not None} for one in (head, said)))
    others = [
        signing_key("encrypts", "RS256").jwk(use="enc", alg="RSA-OAEP"),
        {"kty": "RSA", "kid": "only a certificate", "use": "sig", "x5c": ["MIIC"]},
    ]
    published = json.dumps({"keys": [*others, KEY.jwk(**provider.jwk)]}).encode()
    principal = Verifier(rules).verify(token, KeySet.parse(published), NOW)
    return principal.subject, "profile:read" in principal.scopes


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_token_is_taken_for_whom_it_is_about(name: str) -> None:
    """With what it may be used for; also where the only key that fits has no name in the token."""
    assert accepts(name) == (USER, True)
    assert accepts(name, header={"kid": None}) == (USER, True)


@pytest.mark.parametrize("name", ["Keycloak", "Auth0"])
def test_the_standard_type_needs_no_setting(name: str) -> None:
    """Of those that can be told to send it; and there a token of another type is none."""
    assert accepts(name, types="", header={"typ": "at+jwt"}) == (USER, True)
    with pytest.raises(InvalidToken, match="another type"):
        accepts(name, types="")


@pytest.mark.parametrize("name", PROVIDERS)
def test_an_id_token_is_not_taken(name: str) -> None:
    """It is for a client, as is its audience, and no more than the type of some access tokens."""
    with pytest.raises(InvalidToken, match="another audience"):
        accepts(name, aud="web")


def test_without_an_audience_a_token_is_for_nobody() -> None:
    """As those of Cognito where no resource was asked for."""
    with pytest.raises(InvalidToken, match="another audience"):
        accepts("Cognito", aud=None)
