"""An issuer of access tokens of the benchmark's own, whose key the gateway has in a file."""

import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from deploy.issuer.signing import new_key, public, sign

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
_LIFE_SECONDS: Final = 3600


class Issuer:
    """Signs with one key (ES256), which is new."""

    def __init__(self) -> None:
        self.key = new_key()

    def publish(self, folder: Path) -> None:
        """Write its key set (RFC 7517 §5) into ``folder``."""
        (folder / KEYS_FILE).write_bytes(msgspec.json.encode({"keys": [public(self.key)]}))

    def claims(self, subject: str, **claims: Any) -> dict[str, Any]:
        """What a token for ``subject`` says (RFC 9068 §2.2), good for an hour but for what ``claims`` change."""
        now = int(time.time())
        return {
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

    def token(self, subject: str, **claims: Any) -> str:
        """A token that says so."""
        return sign(self.claims(subject, **claims), self.key)
