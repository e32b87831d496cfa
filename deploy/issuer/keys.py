"""What the issuer keeps: who it is, the key that it signs with, and those before it that tokens still need."""

import msgspec

from deploy.issuer.signing import Jwk, public

ISSUER = "http://127.0.0.1:8020"
AUDIENCE = "http://127.0.0.1:8000"
LEEWAY_SECONDS = 600
"""The most that a gateway may allow clocks to differ (AUTH_LEEWAY_SECONDS)."""


class Key(msgspec.Struct, frozen=True):
    """One key.

    Attributes:
        jwk: The key itself; without its private part once another one signs.
        ends: When the last token signed with it ends, in seconds since 1970.
    """

    jwk: Jwk
    ends: int = 0


class Keys(msgspec.Struct, frozen=True):
    """The whole state.

    Attributes:
        signing: What is signed with.
        earlier: What was signed with before, as long as a token of it is good.
        issuer: The claim `iss` of tokens.
        audience: Their claim `aud`.
    """

    signing: Key
    earlier: tuple[Key, ...] = ()
    issuer: str = ISSUER
    audience: str = AUDIENCE

    def used(self, ends: int) -> "Keys":
        """Return the state once a token that ends then has been signed."""
        key = self.signing
        return msgspec.structs.replace(self, signing=Key(key.jwk, max(key.ends, ends)))

    def rotated(self, new: Jwk, now: float) -> "Keys":
        """Return the state in which a new key signs; earlier ones go when their last token has ended."""
        left = (Key(public(self.signing.jwk), self.signing.ends), *self.earlier)
        needed = tuple(key for key in left if _is_needed(key, now))
        return msgspec.structs.replace(self, signing=Key(new), earlier=needed)

    def published(self, now: float) -> dict[str, list[Jwk]]:
        """Return the JWK set (RFC 7517 §5): public parts alone, of keys that a good token may name."""
        needed = [key for key in self.earlier if _is_needed(key, now)]
        return {"keys": [public(key.jwk) for key in (self.signing, *needed)]}


def _is_needed(key: Key, now: float) -> bool:
    return now < key.ends + LEEWAY_SECONDS
