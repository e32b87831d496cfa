"""Verification of access tokens: which are accepted, and that all others are refused in one way."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.claims import TokenRules
from shared.edge.keys import KeySet, UnknownKey
from shared.edge.principal import Principal
from shared.edge.settings import EdgeSettings
from shared.edge.tokens import MAX_TOKEN_BYTES, InvalidToken, Verifier
from shared.settings.loading import load
from tests.fixtures.issuer import AUDIENCE, GOOD, ISSUER, KINDS, REFUSED, Issuer, encoded, signing_key

NOW: Final = 1_800_000_000.25
SET_OF_ISSUER: Final = KeySet.parse(Issuer().key_set())
ENVIRONMENT: Final = {
    "AUTH": "jwt", "AUTH_JWKS_URL": "http://127.0.0.1:1/keys", "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE,
}  # fmt: skip
RULES: Final = TokenRules.of(load(EdgeSettings, ENVIRONMENT))


def issuer() -> Issuer:
    """One that lives now."""
    return Issuer(lambda: NOW)


def verify(token: str, *, now: float = NOW, keys: KeySet = SET_OF_ISSUER, **rules: Any) -> Principal:
    """Who shows ``token``; ``rules`` are other than the defaults."""
    return Verifier(replace(RULES, **rules)).verify(token, keys, now)


def is_accepted(token: str, *, now: float = NOW, keys: KeySet = SET_OF_ISSUER, **rules: Any) -> bool:
    """Whether it is, or refused in the one way there is."""
    try:
        verify(token, now=now, keys=keys, **rules)
    except InvalidToken:
        return False
    return True


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_good_tokens_are_accepted(make: Callable[[Issuer], str]) -> None:
    """By each algorithm that is allowed, and in each form that means the same."""
    assert verify(make(issuer())).key == f"{ISSUER}|user123"


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_all_others_are_refused(make: Callable[[Issuer], str]) -> None:
    """Whatever is wrong with them, and in one way."""
    assert not is_accepted(make(issuer()))


REASONS: Final[Mapping[str, str]] = {
    "expired": "ended",
    "not yet": "not begun",
    "forged signature": "a signature of somebody else",
    "wrong audience": "another audience",
    "no audience": "another audience",
    "wrong issuer": "another issuer",
    "wrong type": "another type",
    "no type": "another type",
    "algorithm of another key": "a key for something else",
    "too long": "no signed token of at most 6 KiB",
    "garbage": "no signed token of at most 6 KiB",
}


@pytest.mark.parametrize(("what", "reason"), REASONS.items())
def test_it_is_known_why(what: str, reason: str) -> None:
    """To whoever looks after the gateway: what to compare with the settings."""
    with pytest.raises(InvalidToken, match=f"^{reason}$"):
        verify(REFUSED[what](issuer()))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_nothing_of_a_token_is_in_the_reason(header: bytes, payload: bytes) -> None:
    """What cannot be read is called that, whatever those say who could not read it."""
    token = issuer().keys["ES256"].sign(header, payload)
    with pytest.raises(InvalidToken) as refused:
        verify(token)
    assert str(refused.value) in {
        "unreadable",
        "not an object",
        "no signed token of at most 6 KiB",
        "an algorithm, or the name of a key, that we do not take",
    }


def test_a_principal_is_what_the_token_says() -> None:
    """All of it, and until when it counts."""
    found = verify(issuer().token("user123", scope="a b  c", jti="x", tenant={"id": 1}))
    assert (found.subject, found.token_id, found.scopes) == ("user123", "x", frozenset("abc"))
    assert (found.issued_at, found.claims["tenant"]) == (int(NOW), {"id": 1})
    assert found.until == NOW + 300
    assert found.signed_by in SET_OF_ISSUER.identities


@pytest.mark.parametrize(("life", "cache", "until"), [(100, 300, 130), (600, 300, 300.25), (600, 0, 0.25)])
def test_it_counts_while_token_and_memory_last(life: float, cache: float, until: float) -> None:
    """The leeway belongs to the token's life."""
    token = issuer().token(exp=int(NOW) + life)
    assert verify(token, cache=cache).until == int(NOW) + until


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({}, set()),
        ({"scope": ""}, set()),
        ({"scope": "a"}, {"a"}),
        ({"scp": "a b"}, {"a", "b"}),
        ({"scp": ["a", "b c"]}, {"a", "b", "c"}),
        ({"scope": "a", "scp": ["b"]}, {"a"}),
        ({"scope": "a\tb"}, {"a\tb"}),
    ],
)
def test_scopes_are_words_between_spaces(claims: dict[str, Any], scopes: set[str]) -> None:
    """Of ``scope``, and of ``scp`` where that is absent."""
    assert verify(issuer().token(**claims)).scopes == scopes


@pytest.mark.parametrize("claims", [{"scope": ["a"]}, {"scope": 1}, {"scp": [1]}, {"scp": {}}, {"scp": 1}])
def test_other_scopes_are_none(claims: dict[str, Any]) -> None:
    """A token that has them is refused, not taken for one without."""
    assert not is_accepted(issuer().token(**claims))


def test_another_claim_may_say_who_it_is() -> None:
    """A text or a whole number; then nobody asks for ``sub``."""
    assert verify(issuer().token(None, uid=42), subject_claim="uid").subject == "42"
    assert verify(issuer().token("x", uid="user9"), subject_claim="uid").key == f"{ISSUER}|user9"
    assert not is_accepted(issuer().token("x"), subject_claim="uid")


SUBJECTS: list[object] = [True, None, 1.5, [], {}, "", "x" * 257, "a\nb", "a\x00", "\ud800", 10**300]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: repr(subject)[:9])
def test_nobody_else_is_called_anything_else(subject: object) -> None:
    """Nothing that is no text, nor text that no field, key or line of a log could hold."""
    assert not is_accepted(issuer().token("x", uid=subject), subject_claim="uid")


@pytest.mark.parametrize("leeway", [0.0, 30.0, 600.0])
def test_time_is_what_the_caller_says_it_is(leeway: float) -> None:
    """Accepted from the first to the last instant, leeway on both sides, whatever the machine's clock shows."""
    token = issuer().token(iat=1000, nbf=2000, exp=3000.5)
    instants = {
        2000 - leeway - 0.001: False, 2000 - leeway: True, 3000.5 + leeway - 0.001: True, 3000.5 + leeway: False,
    }  # fmt: skip
    assert {now: is_accepted(token, now=now, leeway=leeway) for now in instants} == instants
    assert is_accepted(issuer().token(exp=2**53), now=2.0**53 - 1, leeway=leeway)


NUMBERS = [
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "-1", "-0", "0", "true", "null", '"1800000600"',
    "[1800000600]", "{}", "1e400", "9007199254740994", "1800000600.0e", "0x6b49d200", "01800000600", "", "1e-400",
]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_that_are_no_end_are_refused(number: str) -> None:
    """Whatever else Python or JavaScript would make of them."""
    key = issuer().keys["ES256"]
    header = json.dumps({"typ": "at+jwt", "alg": "ES256", "kid": key.kid}).encode()
    said = json.dumps(issuer().claims(exp=None)).encode()
    assert not is_accepted(key.sign(header, said[:-1] + b', "exp": %s}' % number.encode()))


@pytest.mark.parametrize("number", sorted({*NUMBERS} - {"-1", "-0", "0", "1e-400"}))
@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_numbers_that_are_no_beginning_are_refused(claim: str, number: str) -> None:
    """An old one is none too many."""
    key = issuer().keys["ES256"]
    header = json.dumps({"typ": "at+jwt", "alg": "ES256", "kid": key.kid}).encode()
    said = json.dumps(issuer().claims(iat=None)).encode()
    assert not is_accepted(key.sign(header, said[:-1] + b', "%s": %s}' % (claim.encode(), number.encode())))


ODD: Mapping[str, tuple[bytes, bytes]] = {
    "header twice": (b'{"typ": "at+jwt", "alg": "ES256", "alg": "ES256", "kid": "es256-1"}', b"{}"),
    "claim twice": (b"", b'{"sub": "user456", '),
    "claim twice, deep": (b"", b'{"x": {"a": 1, "a": 2}, '),
    "deep": (b"", b'{"x": ' + b"[" * 2_000 + b"]" * 2_000 + b", "),
    "invalid UTF-8": (b"", b'{"x": "\xff", '),
    "BOM": (b"", b'\xef\xbb\xbf{"x": 1, '),
    "not a number": (b"", b'{"x": NaN, '),
}


@pytest.mark.parametrize(("header", "begins"), ODD.values(), ids=ODD)
def test_what_may_be_read_in_two_ways_is_refused(header: bytes, begins: bytes) -> None:
    """Though it is signed: what we read in it others may not (RFC 8725 §2.6)."""
    key = issuer().keys["ES256"]
    header = header or json.dumps({"typ": "at+jwt", "alg": "ES256", "kid": key.kid}).encode()
    token = key.sign(header, begins.rstrip(b"}") + json.dumps(issuer().claims()).encode()[1:])
    assert not is_accepted(token)


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b'"x"', b"1", b"{", b"{}x", b"\xff", b" ", b"{}\x00"])
def test_what_says_nothing_is_refused(payload: bytes) -> None:
    """It is no object, as header or as claims."""
    key = issuer().keys["ES256"]
    header = json.dumps({"typ": "at+jwt", "alg": "ES256", "kid": key.kid}).encode()
    assert not is_accepted(key.sign(header, payload))
    assert not is_accepted(key.sign(payload, json.dumps(issuer().claims()).encode()))


@pytest.mark.parametrize(
    "header",
    [{"alg": None}, {"alg": ["ES256"]}, {"alg": {}}, {"alg": 1}, {"alg": "es256"}, {"kid": 1}, {"kid": []}, {"typ": 1},
     {"typ": ["at+jwt"]}, {"typ": "at+jwt "}, {"typ": ""}, {"crit": []}, {"crit": ["b64"], "b64": False}],
    ids=str,
)  # fmt: skip
def test_headers_of_other_shapes_are_refused(header: dict[str, Any]) -> None:
    """As much as those that say something else."""
    assert not is_accepted(issuer().token(header=header))


def test_types_are_those_that_are_set() -> None:
    """Among them none at all, which is not one that is called so."""
    plain, absent = issuer().token(header={"typ": "JWT"}), issuer().token(header={"typ": None})
    named, number = (issuer().token(header={"typ": kind}) for kind in ("none", 1))
    accepted = [is_accepted(one, types=frozenset({"jwt", "none"})) for one in (plain, absent, named, number)]
    assert accepted == [True, True, False, False]
    assert [is_accepted(one, types=frozenset({"jwt"})) for one in (plain, absent, named)] == [True, False, False]


@pytest.mark.parametrize("allowed", ["EdDSA", "Ed25519"])
@pytest.mark.parametrize("said", ["EdDSA", "Ed25519"])
@pytest.mark.parametrize("published", ["EdDSA", "Ed25519", None])
def test_both_names_of_ed25519_are_one(allowed: str, said: str, published: str | None) -> None:
    """In the settings, in the token and in the key (RFC 9864)."""
    key = issuer().keys["EdDSA"]
    keys = KeySet.parse(json.dumps({"keys": [key.jwk(alg=published)]}).encode())
    token = issuer().token(alg="EdDSA", header={"alg": said})
    assert is_accepted(token, keys=keys, algorithms=frozenset({allowed}))
    assert not is_accepted(token, keys=keys, algorithms=frozenset({"ES256"}))


def test_a_key_verifies_nothing_but_what_it_is_for() -> None:
    """The same RSA key, said to be for PS256, is none for RS256 (RFC 8725 §3.1)."""
    key = issuer().keys["RS256"]
    token, both = issuer().token(alg="RS256"), frozenset({"RS256", "PS256"})
    for published, accepted in {"RS256": True, None: True, "PS256": False}.items():
        keys = KeySet.parse(json.dumps({"keys": [key.jwk(alg=published)]}).encode())
        assert is_accepted(token, keys=keys, algorithms=both) is accepted


@pytest.mark.parametrize("alg", ["PS256", "ES384", "ES512"])
def test_other_algorithms_can_be_allowed(alg: str) -> None:
    """All that are asymmetric."""
    key = signing_key(f"a-{alg}", alg)
    keys = KeySet.parse(issuer().key_set(key))
    assert is_accepted(issuer().token(key=key), keys=keys, algorithms=frozenset({alg}))
    assert not is_accepted(issuer().token(key=key), keys=keys)


def test_without_the_name_of_a_key_it_has_to_be_the_only_one() -> None:
    """One that fits; a signature that it did not make may be by the next."""
    unnamed = issuer().token(header={"kid": None})
    alone = KeySet.parse(issuer().key_set(issuer().keys["ES256"], issuer().keys["RS256"]))
    assert is_accepted(unnamed, keys=alone)
    two = KeySet.parse(issuer().key_set(issuer().keys["ES256"], signing_key("next", "ES256")))
    assert not is_accepted(unnamed, keys=two)
    for others in (signing_key("next", "ES256"), signing_key("next", "EdDSA")):
        with pytest.raises(UnknownKey):
            verify(unnamed, keys=KeySet.parse(issuer().key_set(others)))


def test_an_unknown_key_is_told_from_a_bad_token() -> None:
    """It may be known soon; of one whose header is refused nobody asks that."""
    stranger = signing_key("next", "ES256")
    with pytest.raises(UnknownKey):
        verify(issuer().token(key=stranger))
    for header in ({"alg": "none"}, {"typ": "JWT"}, {"crit": ["x"]}):
        assert not is_accepted(issuer().token(key=stranger, header=header))


def test_a_token_may_be_long_but_not_longer() -> None:
    """Up to 6 KiB."""
    sizes = {len(token): is_accepted(token) for n in range(4_000, 4_700, 10) if (token := issuer().long_token(n))}
    lengths = {len(token := issuer().token(padding="x" * n)): is_accepted(token) for n in range(4_200, 4_400)}
    assert max(lengths) > MAX_TOKEN_BYTES > min(lengths)
    assert all(accepted is (length <= MAX_TOKEN_BYTES) for length, accepted in {**sizes, **lengths}.items())


@given(st.sampled_from(KINDS), st.data())
def test_no_mutation_is_accepted_or_breaks_anything(alg: str, data: st.DataObject) -> None:
    """Each other text is refused, even where it means the same bytes (RFC 4648 §3.5)."""
    token = issuer().token(alg=alg)
    place = data.draw(st.integers(0, len(token)))
    cut = data.draw(st.integers(0, 3))
    new = data.draw(st.text(st.sampled_from("AEQZaz059-_.=+/ \n\x00é"), max_size=3))
    mutated = token[:place] + new + token[place + cut :]
    try:
        assert is_accepted(mutated, algorithms=frozenset(KINDS)) is (mutated == token)
    except UnknownKey:
        assert mutated != token


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_a_signature_has_one_form(alg: str) -> None:
    """Bits at its end that mean nothing are zero: one token is not remembered under several texts."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = issuer().token(alg=alg)
    accepted = [last for last in alphabet if is_accepted(token[:-1] + last)]
    assert accepted == [token[-1]]


@given(st.text(st.characters(max_codepoint=127), max_size=60) | st.text(max_size=60) | st.binary().map(encoded))
def test_garbage_is_refused(text: str) -> None:
    """Alone, and in each place of three."""
    header, payload, signature = issuer().token().split(".")
    for token in (text, f"{text}.{payload}.{signature}", f"{header}.{text}.{signature}", f"{header}.{payload}.{text}"):
        assert not is_accepted(token)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "scope", "scp", "cnf", "x"]


@given(
    st.dictionaries(st.sampled_from(NAMES), JSON), st.dictionaries(st.sampled_from(["alg", "kid", "typ", "jwk"]), JSON)
)
def test_no_value_breaks_anything(claims: dict[str, Any], header: dict[str, Any]) -> None:
    """Whatever stands in claims and header, it is a principal, an unknown key, or the one refusal."""
    key = issuer().keys["EdDSA"]
    head = {"typ": "at+jwt", "alg": "EdDSA", "kid": key.kid, **header}
    try:
        found = verify(key.sign(head, {**issuer().claims(), **claims}))
    except (InvalidToken, UnknownKey):
        return
    assert found.subject == str(claims.get("sub", "user123"))
    assert found.until > NOW
