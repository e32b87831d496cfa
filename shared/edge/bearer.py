"""Reads a bearer token out of the field ``Authorization`` (RFC 6750 §2.1)."""

import hmac
import re
from typing import Final

from shared.edge.challenges import Challenges
from shared.errors import InvalidAuthorization
from shared.settings.secret import Secret

_match = re.compile(r"(?ai:bearer) +([A-Za-z0-9._~+/-]+=*)").fullmatch
_is_bearer = re.compile(r"bearer(?![A-Za-z0-9!#$%&'*+.^_`|~-])", re.IGNORECASE | re.ASCII).match
MALFORMED: Final = "The Authorization header is not of the form: Bearer, a space, and a token."


def read_bearer(authorization: str | None, challenges: Challenges) -> str | None:
    """The token, as it stands; None when there is none, or credentials of another scheme.

    Raises:
        InvalidAuthorization: the scheme is Bearer, and what follows is not exactly one token.
    """
    if not authorization:
        return None
    found = _match(authorization)
    if found is not None:
        return found[1]
    if _is_bearer(authorization):
        raise InvalidAuthorization(MALFORMED, challenges.invalid_request)
    return None


def shows(authorization: str, secret: Secret) -> bool:
    """Whether ``authorization`` has this ``secret`` as bearer token; it may be of more characters than RFC 6750 has."""
    scheme, _, token = authorization.partition(" ")
    if not secret or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(token.lstrip(" ").encode("utf-8", "surrogateescape"), secret.text.encode())
