"""An issuer of access tokens of the benchmark's own, whose key the gateway has in a file."""

import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import jwt
import msgspec

from deploy.issuer.signing import ALGORITHM, TYPE, Jwk, new_key, public

KEYS_FILE: Final = "keys.json"
_ISSUER: Final = "https://issuer.invalid"
_AUDIENCE: Final = "https://api.invalid"
SETTINGS: Final[Mapping[str, str]] = {
    "AUTH": "jwt",
    "AUTH_JWKS_FILE": KEYS_FILE,
    "AUTH_ISSUER": _ISSUER,
    "AUTH_AUDIENCE": _AUDIENCE,
}
"""Of a gateway that takes its tokens, and runs where the key was published."""
OWN: Final = "profile:read"
ANYBODYS: Final = f"{OWN} {OWN}:any"
_STAFF: Final = "staff"
_LIFE_SECONDS: Final = 3600
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Tokens:
    """Tokens of many subjects, each made once."""

    def __init__(self, issuer: "Issuer") -> None:
        self._made: dict[str, str] = {}
        self._issuer = issuer

    def of(self, subject: str) -> str:
        """That of ``subject``, which allows what is its own; without a subject one that allows what is anybody's."""
        token = self._made.get(subject)
        if token is None:
            made = self._issuer.token(subject) if subject else self._issuer.token(_STAFF, scope=ANYBODYS)
            token = self._made[subject] = made
        return token


class Issuer:
    """Signs with one key (ES256), which is new."""

    def __init__(self) -> None:
        self.key = new_key()

    def publish(self, folder: Path) -> None:
        """Write its key set (RFC 7517 §5) into ``folder``."""
        (folder / KEYS_FILE).write_bytes(msgspec.json.encode({"keys": [public(self.key)]}))

    def claims(self, subject: object, **claims: Any) -> dict[str, Any]:
        """What a token for ``subject`` says (RFC 9068 §2.2), good for an hour but for what ``claims`` change.

        A claim that is None is left out.
        """
        now = int(time.time())
        whole = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": subject,
            "client_id": "benchmark",
            "scope": OWN,
            "iat": now,
            "exp": now + _LIFE_SECONDS,
            "jti": uuid.uuid4().hex,
            **claims,
        }
        return {name: value for name, value in whole.items() if value is not None}

    def header(self, **members: Any) -> dict[str, Any]:
        """That of its tokens, but for what ``members`` change."""
        return {"typ": TYPE, "kid": self.key["kid"], **members}

    def token(
        self, subject: object, *, header: Mapping[str, Any] = _NOTHING, key: Jwk | None = None, **claims: Any
    ) -> str:
        """A token that says so, signed with its own ``key`` or another."""
        payload = msgspec.json.encode(self.claims(subject, **claims))
        headers = self.header(**header)
        return jwt.api_jws.encode(payload, jwt.PyJWK(dict(key or self.key)).key, ALGORITHM, headers)
