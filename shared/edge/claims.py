"""What a token says, checked (RFC 9068 §4, RFC 7519 §4.1). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final, Self

from shared.edge.principal import Principal
from shared.edge.settings import EdgeSettings

_LATEST: Final = 2.0**53
"""No instant is farther from the epoch, in seconds: beyond, numbers are not exact."""
_MAX_ID: Final = 256
"""Characters of an id: of what has a longer one nothing could be revoked."""
NO_TYPE: Final = "none"
"""Stands among types for a token that does not say its own."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Which tokens are accepted; ``leeway`` and ``cache`` are in seconds, ``types`` in lower case."""

    issuer: str
    audience: str
    algorithms: frozenset[str]
    types: frozenset[str]
    subject_claim: str = "sub"
    leeway: float = 30.0
    cache: float = 300.0

    @classmethod
    def of(cls, settings: EdgeSettings) -> Self:
        """As it is set."""
        return cls(
            settings.auth_issuer,
            settings.auth_audience,
            frozenset(settings.auth_algorithms),
            frozenset(settings.auth_token_types),
            settings.auth_subject_claim,
            settings.auth_leeway,
            settings.auth_cache,
        )


def principal_of(claims: Mapping[str, Any], rules: TokenRules, now: float, signed_by: str) -> Principal:
    """Who a token with these ``claims`` is about, ``now`` (seconds since the epoch), if it is one for us.

    Raises:
        ValueError: it is not.
    """
    if claims.get("iss") != rules.issuer:
        raise ValueError("another issuer")
    if rules.audience not in _texts(claims.get("aud", [])):
        raise ValueError("another audience")
    if "cnf" in claims:
        raise ValueError("bound to a key (RFC 7800), of which nothing is shown")
    expires = _instant(claims, "exp", None)
    issued_at = _instant(claims, "iat", -inf)
    if now >= expires + rules.leeway:
        raise ValueError("ended")
    if max(issued_at, _instant(claims, "nbf", -inf)) > now + rules.leeway:
        raise ValueError("not begun")
    token_id = claims.get("jti", "")
    if not isinstance(token_id, str) or len(token_id) > _MAX_ID or not token_id.isprintable():
        raise ValueError("an id that is none")
    subject = _subject(claims.get(rules.subject_claim))
    return Principal(
        subject=subject,
        key=f"{rules.issuer}|{subject}",
        scopes=_scopes(claims),
        claims=claims,
        token_id=token_id,
        issued_at=issued_at,
        until=min(expires + rules.leeway, now + rules.cache),
        signed_by=signed_by,
    )


def _texts(value: object) -> list[str]:
    """``value``, a text or a list of texts."""
    listed: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in listed):
        raise ValueError("an audience or scope that is no text")
    return listed


def _instant(claims: Mapping[str, Any], name: str, default: float | None) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is no number")  # noqa: TRY004 - one kind of error for all that claims may be
    if name in claims and not -_LATEST <= value <= _LATEST:  # also refuses nan
        raise ValueError(f"{name} is no instant")
    return float(value)


def _subject(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("a subject that is no text")  # noqa: TRY004 - as above
    subject = str(value)
    if not 0 < len(subject) <= _MAX_ID or not subject.isprintable():
        raise ValueError("a subject that nobody has")
    return subject


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """``scope`` (RFC 8693 §4.2), or ``scp``, as some issuers have it, also as a list."""
    scope = claims.get("scope")
    if scope is None:
        listed = _texts(claims.get("scp", ""))
    elif isinstance(scope, str):
        listed = [scope]
    else:
        raise ValueError("a scope that is no text")
    return frozenset(word for one in listed for word in one.split(" ") if word)
