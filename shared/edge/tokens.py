"""Verifies access tokens: signed JWTs (RFC 7519, 7515) as RFC 9068 profiles and RFC 8725 restricts them. Pure.

A token brings nothing that decides how it is verified: its algorithm must be one of ours and one of its key's, its key
one of the issuer's, and ``jwk``, ``jku``, ``x5u`` and ``x5c`` are not looked at.
"""

import base64
import re
from typing import Any, Final

from shared.edge.claims import NO_TYPE, TokenRules, principal_of
from shared.edge.keys import KeySet, UnknownKey
from shared.edge.principal import Principal
from shared.edge.signatures import is_signed, synonyms
from shared.edge.strict_json import read_object

MAX_TOKEN_BYTES: Final = 6144

_match = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)").fullmatch


class InvalidToken(ValueError):
    """A token that is not accepted; the text says why, with nothing of it, and is for us alone."""


class Verifier:
    """Verifies tokens by ``rules``."""

    def __init__(self, rules: TokenRules) -> None:
        self._rules = rules
        self._algorithms = frozenset(name for one in rules.algorithms for name in synonyms(one))
        self._types = rules.types - {NO_TYPE}
        self._may_lack_type = NO_TYPE in rules.types

    def verify(self, token: str, keys: KeySet, now: float) -> Principal:
        """Who shows ``token`` ``now``, in seconds since the epoch.

        Raises:
            InvalidToken: it is not accepted.
            UnknownKey: nor is it, but it might be with the keys that the issuer has published since.
        """
        try:
            return self._verify(token, keys, now)
        except ValueError as error:
            # What others say of it may have some of it in it.
            raise InvalidToken(str(error) if type(error) is ValueError else "unreadable") from error

    def _verify(self, token: str, keys: KeySet, now: float) -> Principal:
        parts = _match(token) if len(token) <= MAX_TOKEN_BYTES else None
        if parts is None:
            raise ValueError("no signed token of at most 6 KiB")
        header, payload, signature = map(_decoded, parts.groups())
        kid, algorithm = self._key_named_in(read_object(header))
        key = keys.find(kid, algorithm)
        if key is None:
            raise ValueError("a key for something else")
        if not is_signed(token[: parts.start(3) - 1].encode(), signature, key.public, algorithm):
            if kid is None:
                raise UnknownKey
            raise ValueError("a signature of somebody else")
        return principal_of(read_object(payload), self._rules, now, key.identity)

    def _key_named_in(self, header: dict[str, Any]) -> tuple[str | None, str]:
        """Name and algorithm of the key; raises ``ValueError`` if the header is none of an access token for us."""
        kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms or not isinstance(kid, str | None):
            raise ValueError("an algorithm, or the name of a key, that we do not take")
        if "crit" in header:
            raise ValueError("an extension that must be understood (RFC 7515 §4.1.11)")
        if not (kind.lower() in self._types if isinstance(kind, str) else self._may_lack_type and "typ" not in header):
            raise ValueError("another type")
        return kid, algorithm


def _decoded(segment: str) -> bytes:
    """Base64url without padding, in its one form (RFC 7515 §2, RFC 4648 §3.5)."""
    data = base64.urlsafe_b64decode(f"{segment}==")
    if base64.urlsafe_b64encode(data).rstrip(b"=") != segment.encode():
        raise ValueError("Base64 in another form")
    return data
