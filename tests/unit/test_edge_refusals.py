"""What the edge decides about somebody: what they are told is about what has stopped them, and little is remembered."""

import gc
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import pytest

from shared.edge.access import Access
from shared.edge.authenticator import Authenticator
from shared.edge.challenges import Challenges
from shared.edge.claims import TokenRules
from shared.edge.edge import Edge
from shared.edge.key_source import KeySource
from shared.edge.keys import KeySet
from shared.edge.quotas import Quotas
from shared.edge.revocations import Revocation, Revocations
from shared.edge.settings import EdgeSettings
from shared.edge.tokens import Verifier
from shared.errors import AccessRefused, TooManyRequests
from shared.http.request_head import Fields
from shared.settings.loading import load
from shared.settings.secret import Secret
from tests.fixtures.issuer import AUDIENCE, ISSUER, REFUSED, Issuer

_NOW: Final = 1_796_000_000.0
_CHALLENGES: Final = Challenges("")
_ADMIN: Final = "an-admin-token-0123456789"


class _Peer(NamedTuple):
    peer: str = "203.0.113.9"
    operations: bool = False


def _authenticator(issuer: Issuer, subject_claim: str, *, has_keys: bool) -> Authenticator:
    types = frozenset({"at+jwt"})
    rules = TokenRules(ISSUER, AUDIENCE, frozenset({"ES256"}), types, subject_claim)
    source = KeySource("file")
    source.keys = KeySet.parse(issuer.key_set()) if has_keys else None
    return Authenticator(Verifier(rules), source, _CHALLENGES)


def _edge(
    issuer: Issuer,
    subject_claim: str = "sub",
    revocations: Revocations | None = None,
    quotas: Quotas | None = None,
    *,
    has_keys: bool = True,
) -> Edge:
    return Edge(
        authenticator=_authenticator(issuer, subject_claim, has_keys=has_keys),
        challenges=_CHALLENGES,
        revocations=revocations,
        quotas=quotas,
        clock=lambda: _NOW,
        epoch=lambda: _NOW,
        admin=Secret(_ADMIN),
    )


@dataclass(weakref_slot=True, slots=True)
class _Mortal:
    """A head of which it can be told whether anybody still holds it."""

    authorization: str | None
    accept_encoding: str | None = None
    origin: str | None = None
    x_forwarded_for: str | None = None
    forwarded: str | None = None


def _bearer(made: Callable[[Issuer], str], issuer: Issuer) -> str:
    return f"Bearer {made(issuer)}"


_SHOWN: Final[Mapping[str, Callable[[Issuer], str | None]]] = {
    "nothing": lambda _issuer: None,
    "no credentials of ours": lambda _issuer: "Basic x",
    "two words": lambda _issuer: "Bearer a b",
    "the admin token": lambda _issuer: f"Bearer {_ADMIN}",
    "a good token": lambda issuer: f"Bearer {issuer.token()}",
    "a revoked token": lambda issuer: f"Bearer {issuer.token('lost')}",
    "a token of an unknown key": lambda issuer: f"Bearer {issuer.token(header={'kid': 'unknown'})}",
    **{name: partial(_bearer, made) for name, made in REFUSED.items()},
}


def _shown(token: str) -> Fields:
    return Fields(b"", authorization=f"Bearer {token}")


@pytest.fixture
def issuer() -> Issuer:
    """One whose tokens are good at that instant."""
    return Issuer(lambda: _NOW)


@pytest.mark.parametrize("order", [("failures", "address"), ("address",), ("failures",)])
def test_whoever_is_stopped_is_told_which_quota_it_was(issuer: Issuer, order: Sequence[str]) -> None:
    """The one that is used up now, if another one was within the same second."""
    quotas = {"failures": "1/1000", "address": "3/1000"}
    settings = load(EdgeSettings, {f"RATE_LIMIT_{name.upper()}": quotas[name] for name in order})
    edge = _edge(issuer, quotas=Quotas(settings, None, 1, clock=lambda: _NOW))
    caller = edge.caller(_shown("garbage"), _Peer())
    told = list[str]()
    for _ in range(5):
        refused = edge.admit(caller, Access(), "", _NOW)
        if isinstance(refused, TooManyRequests):
            told.append(refused.fields["RateLimit"].split('"')[1])
    assert list(dict.fromkeys(told)) == [*order]


@pytest.mark.parametrize("subject", ["user123", 123])
@pytest.mark.parametrize("claim", ["sub", "uid"])
def test_a_revoked_subject_is_let_in_by_no_claim(issuer: Issuer, claim: str, subject: str | int) -> None:
    """Whichever claim says who it is: what `sub` names is revoked, if it is a number too."""
    revocations = Revocations(600, lambda: _NOW)
    edge = _edge(issuer, claim, revocations)
    shown = _shown(issuer.token(subject, uid="ada"))
    assert edge.admit(edge.caller(shown, _Peer()), Access(), "", _NOW) is None
    revocations.add(Revocation.of_subject(str(subject), _NOW + 1, _NOW + 600))
    assert isinstance(edge.admit(edge.caller(shown, _Peer()), Access(), "", _NOW), AccessRefused)


@pytest.mark.parametrize(
    ("access", "scope"),
    [
        (Access(owner="sub"), None),
        (Access(owner="sub", scope="read"), None),
        (Access(owner="sub", any_scope="any"), "any"),
        (Access(owner="sub", scope="read", any_scope="any"), "any"),
        (Access(scope="read"), "read"),
    ],
)
def test_a_challenge_names_a_scope_that_would_do(issuer: Issuer, access: Access, scope: str | None) -> None:
    """To somebody else than the owner only one that opens it to others; without one there is none to name."""
    edge = _edge(issuer)
    refused = edge.admit(edge.caller(_shown(issuer.token("other")), _Peer()), access, "user123", _NOW)
    assert isinstance(refused, AccessRefused)
    assert refused.challenge == 'Bearer error="insufficient_scope"' + ("" if scope is None else f', scope="{scope}"')
    if scope is not None:
        again = _shown(issuer.token("other", scope=scope))
        assert edge.admit(edge.caller(again, _Peer()), access, "user123", _NOW) is None


@pytest.mark.parametrize("has_keys", [True, False])
@pytest.mark.parametrize("shown", _SHOWN.values(), ids=_SHOWN)
def test_who_asks_is_remembered_without_the_request(
    issuer: Issuer, shown: Callable[[Issuer], str | None], has_keys: bool
) -> None:
    """Whoever is refused is not remembered with all that was going on when that was found out."""
    revocations = Revocations(600, lambda: _NOW)
    revocations.add(Revocation.of_subject("lost", _NOW + 1, _NOW + 600))
    edge = _edge(issuer, revocations=revocations, has_keys=has_keys)
    head = _Mortal(shown(issuer))
    held = weakref.ref(head)
    gc.disable()
    try:
        caller = edge.caller(head, _Peer())
        edge.admit(caller, Access(), "", _NOW)
        del head
        assert held() is None
    finally:
        gc.enable()
    assert caller.principal is not None or caller.refusal is not None
