"""What somebody is told by the edge is about what has stopped them."""

from collections.abc import Sequence
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
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer

_NOW: Final = 1_796_000_000.0
_CHALLENGES: Final = Challenges("")


class _Peer(NamedTuple):
    peer: str = "203.0.113.9"
    operations: bool = False


def _authenticator(issuer: Issuer, subject_claim: str = "sub") -> Authenticator:
    types = frozenset({"at+jwt"})
    rules = TokenRules(ISSUER, AUDIENCE, frozenset({"ES256"}), types, subject_claim)
    source = KeySource("file")
    source.keys = KeySet.parse(issuer.key_set())
    return Authenticator(Verifier(rules), source, _CHALLENGES)


def _edge(
    issuer: Issuer, subject_claim: str = "sub", revocations: Revocations | None = None, quotas: Quotas | None = None
) -> Edge:
    return Edge(
        authenticator=_authenticator(issuer, subject_claim),
        challenges=_CHALLENGES,
        revocations=revocations,
        quotas=quotas,
        clock=lambda: _NOW,
        epoch=lambda: _NOW,
    )


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
