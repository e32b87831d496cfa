"""The one decision: who is let in, in which form, and for whom it counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from bff.settings import GatewaySettings
from shared.edge.access import OPERATIONS, SIGNED_IN, Access
from shared.edge.addresses import ClientAddresses
from shared.edge.authenticator import Authenticator
from shared.edge.challenges import Challenges
from shared.edge.claims import TokenRules
from shared.edge.cors import Cors
from shared.edge.edge import Edge
from shared.edge.key_source import KeySource
from shared.edge.keys import KeySet
from shared.edge.quotas import Quotas
from shared.edge.revocations import Revocation, Revocations
from shared.edge.tokens import Verifier
from shared.errors import (
    Forbidden,
    InvalidAuthorization,
    RequestError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from shared.http.request_head import Fields
from shared.settings.loading import load
from shared.settings.secret import Secret
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer, signing_key

OWNED = Access(owner="sub", scope="things:read", any_scope="things:read:any")
ADMIN = Access(scope="things:purge", admin=True)


@dataclass
class Peer:
    """The other end of a connection."""

    peer: str = "203.0.113.9"
    operations: bool = False


STRANGER: Final = Peer()


@dataclass
class Scene:
    """An edge that asks for tokens of an issuer."""

    issuer: Issuer
    now: float = 0.0
    revocations: Revocations = field(default_factory=lambda: Revocations(60))
    source: KeySource = field(default_factory=lambda: KeySource("test"))

    def edge(self, **options: Any) -> Edge:
        """One with its keys, and these options."""
        challenges = Challenges("")
        rules = TokenRules(ISSUER, AUDIENCE, frozenset({"ES256", "RS256"}), frozenset({"at+jwt"}))
        authenticator = Authenticator(Verifier(rules), self.source, challenges)
        self.source.keys = KeySet.parse(self.issuer.key_set())
        return Edge(
            **{
                "authenticator": authenticator,
                "challenges": challenges,
                "revocations": self.revocations,
                "clock": lambda: self.now,
                **options,
            }
        )

    def head(self, subject: str = "ada", scope: str = "things:read", **claims: Any) -> Fields:
        """The fields of a request with a good token."""
        token = self.issuer.token(subject, scope=scope, **claims)
        return Fields(b"", authorization=f"Bearer {token}")


@pytest.fixture
def scene(issuer: Issuer) -> Scene:
    """An issuer, and nothing remembered."""
    return Scene(issuer)


async def _asked(edge: Edge, head: Fields, access: Access | None, identifier: str = "", peer: Peer = STRANGER) -> Any:
    _, refusal = await edge.decide(head, peer, access, identifier)
    return refusal


@pytest.mark.parametrize(
    ("scope", "identifier", "refused_for"),
    [
        ("things:read", "ada", None),
        ("things:read", "bob", "things:read:any"),
        ("things:read:any", "ada", None),
        ("things:read:any", "bob", None),
        ("things:read things:read:any", "bob", None),
        ("", "ada", "things:read"),
        ("", "bob", "things:read:any"),
        ("things:readable things", "ada", "things:read"),
    ],
)
async def test_what_is_somebodys_is_for_them_and_for_whoever_may_have_anybodys(
    scene: Scene, scope: str, identifier: str, refused_for: str | None
) -> None:
    """By the claim that names the owner and by scope; the refusal names the scope that would do."""
    refusal = await _asked(scene.edge(), scene.head(scope=scope), OWNED, identifier)
    if refused_for is None:
        assert refusal is None
    else:
        assert isinstance(refusal, Forbidden)
        assert refusal.challenge == f'Bearer error="insufficient_scope", scope="{refused_for}"'


@pytest.mark.parametrize(("claim", "value", "identifier", "owns"), [
    ("tenant", "7", "7", True), ("tenant", 7, "7", True), ("tenant", True, "True", False),
    ("tenant", 7.0, "7", False),
    ("tenant", ["7"], "7", False), ("tenant", "07", "7", False), ("other", "7", "7", False),
])  # fmt: skip
async def test_the_owner_may_be_told_by_any_claim(
    scene: Scene, claim: str, value: object, identifier: str, owns: bool
) -> None:
    """Text or a whole number that is written like the id; nothing that only looks like it."""
    access = Access(owner="tenant", scope="things:read")
    refusal = await _asked(scene.edge(), scene.head("ada", "things:read", **{claim: value}), access, identifier)
    assert (refusal is None) is owns


@pytest.mark.parametrize(
    ("authorization", "kind"),
    [
        (None, Unauthorized),
        ("Basic YTpi", Unauthorized),
        ("Bearer", InvalidAuthorization),
        ("Bearer a b", InvalidAuthorization),
        ("Bearer x.y.z", Unauthorized),
    ],
)
@pytest.mark.parametrize("access", [OWNED, SIGNED_IN, OPERATIONS, ADMIN])
async def test_nobody_is_let_in_who_is_not_known(
    scene: Scene, authorization: str | None, kind: type[RequestError], access: Access
) -> None:
    """Whatever is asked for, but for what is open to everybody."""
    edge, head = scene.edge(admin=Secret("the-admin-token")), Fields(b"", authorization=authorization)
    assert type(await _asked(edge, head, access, "ada")) is kind
    assert await _asked(edge, head, None) is None


async def test_without_keys_nobody_is_let_in_and_it_is_not_ready(scene: Scene) -> None:
    """503, not 401: the token may be good."""
    edge, head = scene.edge(), scene.head()
    before = edge.is_ready
    scene.source._replace(None)
    assert (before, edge.is_ready) == (True, False)
    assert isinstance(await _asked(edge, head, OWNED, "ada"), ServiceUnavailable)
    assert isinstance(await _asked(edge, Fields(b""), OWNED, "ada"), Unauthorized)


@pytest.mark.parametrize("asks", [True, False])
async def test_the_admin_token_opens_admin_routes_and_nothing_else(scene: Scene, asks: bool) -> None:
    """Beside access tokens with the scope, and also where nobody else is asked who they are."""
    edge = scene.edge(admin=Secret("the-admin-tok€n"), **({} if asks else {"authenticator": None}))
    head = Fields(b"", authorization="bearer the-admin-tok€n")
    assert await _asked(edge, head, ADMIN) is None
    assert (await _asked(edge, head, OWNED, "ada") is None) is not asks
    assert isinstance(await _asked(edge, Fields(b"", authorization="Bearer the-admin-token"), ADMIN), Unauthorized)
    if asks:
        assert await _asked(edge, scene.head(scope="things:purge"), ADMIN) is None
        assert isinstance(await _asked(edge, scene.head(), ADMIN), Forbidden)


_LOCAL: Mapping[str, tuple[Peer, Mapping[str, Any], bool]] = {
    "same machine": (Peer("127.0.0.1"), {}, True),
    "same machine, IPv6": (Peer("::1"), {}, True),
    "elsewhere": (Peer("203.0.113.9"), {}, False),
    "says that it is here": (Peer("203.0.113.9"), {"x_forwarded_for": "127.0.0.1"}, False),
    "by a proxy here that nobody knows of": (Peer("127.0.0.1"), {"x_forwarded_for": "203.0.113.9"}, False),
    "by another field of one": (Peer("127.0.0.1"), {"forwarded": "for=203.0.113.9"}, False),
    "by a proxy that is trusted": (Peer("127.0.0.2"), {"x_forwarded_for": "203.0.113.9"}, False),
    "here, by a proxy that is trusted": (Peer("127.0.0.2"), {"x_forwarded_for": "127.0.0.1"}, True),
    "the port for operations": (Peer("203.0.113.9", operations=True), {}, True),
}


@pytest.mark.parametrize("where", _LOCAL)
async def test_operations_are_open_to_neighbours_and_on_their_own_port(scene: Scene, where: str) -> None:
    """To this machine, but not by a proxy on it that passes on what others ask."""
    peer, fields, is_local = _LOCAL[where]
    edge = scene.edge(addresses=ClientAddresses(["127.0.0.2"]))
    refusal = await _asked(edge, Fields(b"", **fields), OPERATIONS, peer=peer)
    assert (refusal is None) is is_local
    assert await _asked(edge, scene.head(scope="ops:read"), OPERATIONS, peer=peer) is None
    public = scene.edge(operations_public=True)
    assert await _asked(public, Fields(b"", **fields), OPERATIONS, peer=peer) is None


_CHANGES: Mapping[str, Callable[[Scene, Edge], object]] = {
    "the token is revoked": lambda scene, _: scene.revocations.add(Revocation.of_token("one", 2e10)),
    "its subject is revoked": lambda scene, _: scene.revocations.add(Revocation.of_subject("ada", 1.9e10, 2e10)),
    "its key is gone": lambda scene, _: scene.source._replace(
        KeySet.parse(scene.issuer.key_set(signing_key("another", "ES256")))
    ),
    "all keys are gone": lambda scene, _: scene.source._replace(None),
}


@pytest.mark.parametrize("change", _CHANGES)
async def test_what_was_decided_ends_with_its_reasons(scene: Scene, change: str) -> None:
    """What is remembered of a caller is of no use any more, and a new decision refuses."""
    edge, head = scene.edge(), scene.head(jti="one")
    before = edge.caller(head, Peer())
    assert edge.admit(before, OWNED, "ada", 0.0) is None
    _CHANGES[change](scene, edge)
    assert before.generation != edge.generation
    assert edge.admit(edge.caller(head, Peer()), OWNED, "ada", 0.0) is not None


async def test_a_caller_is_remembered_no_longer_than_its_token_is_good(scene: Scene) -> None:
    """On the clock that is asked for every request."""
    edge = scene.edge(epoch=lambda: 1_000.0)
    head = scene.head(iat=900, exp=1_010)
    assert edge.caller(head, Peer()).until == pytest.approx(10 + 30)  # and the leeway


@pytest.mark.parametrize(("setting", "shown"), [("all", "ABC"), ("owner", "A"), ("none", "")])
async def test_how_an_answer_came_about_is_told_to_whom_the_setting_says(
    scene: Scene, setting: str, shown: str
) -> None:
    """To everybody, to the owner alone, or to nobody."""
    edge = scene.edge(diagnostics=setting)
    heads = {"A": (scene.head(), "ada"), "B": (scene.head(scope="things:read:any"), "bob"), "C": (Fields(b""), "ada")}
    for name, (head, identifier) in heads.items():
        caller, _ = await edge.decide(head, Peer(), OWNED, identifier)
        assert caller.form.shows_diagnostics == (name in shown)


async def test_forms_are_few_and_told_apart_by_what_they_say(scene: Scene) -> None:
    """Whatever origins and codings clients make up, there is one for each that makes a difference."""
    edge = scene.edge(cors=Cors(["https://app.example.org"]), diagnostics="all")
    forms = {
        edge.caller(Fields(b"", origin=origin, accept_encoding=f"x{number}"), Peer()).with_diagnostics
        for number in range(100)
        for origin in (None, "https://app.example.org", f"https://evil{number}.example")
    }
    assert len(forms) == 2
    assert {form.vary for form in forms} == {"Origin"}


async def test_each_refusal_names_the_quota_that_is_used_up(scene: Scene) -> None:
    """A refused token counts for two, which may both end within a second."""
    settings = load(GatewaySettings, {"RATE_LIMIT_FAILURES": "1/60", "RATE_LIMIT_ADDRESS": "3/60"})
    edge = scene.edge(epoch=lambda: 1_000.0, quotas=Quotas(settings, None, 1, clock=lambda: 1_000.0))
    caller = edge.caller(Fields(b"", authorization="Bearer x.y.z"), Peer())
    refusals = [edge.admit(caller, OWNED, "ada", 1_000.0) for _ in range(5)]
    assert isinstance(refusals[0], Unauthorized)
    used_up = [one.fields["RateLimit"].partition(";")[0] for one in refusals if isinstance(one, TooManyRequests)]
    assert used_up == ['"failures"', '"failures"', '"address"', '"address"']
