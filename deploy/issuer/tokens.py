"""Issues access tokens (RFC 9068)."""

import time
import uuid
from dataclasses import dataclass

from deploy.issuer.signing import sign
from deploy.issuer.store import Store

SCOPE = "profile:read"
ANY_SCOPE = "profile:read profile:read:any"
"""For whoever may read the profiles of others."""
TTL_SECONDS = 3600
LONGEST_TTL_SECONDS = 86_400
"""As long as a gateway remembers a revocation, unless told otherwise."""
CLIENT = "development"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a token is to say.

    Attributes:
        subject: Whom it is about: the claim `sub`.
        scope: What it allows, separated by spaces.
        ttl: How many seconds it is good for.
        audience: Whom it is for; None for the usual one.
        issuer: Who issues it; None for the usual one.
        expired: Whether it has ended already, an hour ago.
    """

    subject: str
    scope: str = SCOPE
    ttl: int = TTL_SECONDS
    audience: str | None = None
    issuer: str | None = None
    expired: bool = False


def issue(store: Store, wish: Wish, now: int | None = None) -> str:
    """Return a token, signed with the key in force.

    Args:
        store: Where the keys are.
        wish: What it is to say.
        now: When it is issued, in seconds since 1970; None for now.

    Raises:
        Unusable: The keys are not to be had.
    """
    now = int(time.time()) if now is None else now
    ends = now - 3600 if wish.expired else now + wish.ttl
    with store.changing() as change:
        keys = change.keys
        claims = {
            "iss": wish.issuer or keys.issuer,
            "aud": wish.audience or keys.audience,
            "sub": wish.subject,
            "client_id": CLIENT,
            "scope": wish.scope,
            "iat": ends - wish.ttl,
            "exp": ends,
            "jti": uuid.uuid4().hex,
        }
        change.keys = keys.used(ends)
        return sign(claims, keys.signing.jwk)
