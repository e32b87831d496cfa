"""Key sets: what is taken out of what an issuer publishes (RFC 7517)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.keys import MAX_BYTES, MAX_KEYS, KeySet, UnknownKey
from tests.fixtures.issuer import KINDS, SigningKey, signing_key

GOOD = signing_key("good", "ES256")
# RFC 7638 §3.1
RFC_JWK = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"
    "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8"
    "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
    "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}


def key_set(*members: Any) -> KeySet:
    """A set as published."""
    return KeySet.parse(json.dumps({"keys": members, "more": 1}).encode())


@pytest.mark.parametrize("alg", [*KINDS, "ES384", "ES512"])
def test_a_key_is_found_by_its_name(alg: str) -> None:
    """For the algorithm that it says, and without one for all that it can be for."""
    key = signing_key(f"a-{alg}", alg)
    said, unsaid = key_set(key.jwk()), key_set(key.jwk(alg=None))
    for found in (said, unsaid):
        assert found.find(key.kid, alg) is found.keys[0]
        assert found.find(None, alg) is found.keys[0]
    assert said.find(key.kid, "RS512") is None
    assert (unsaid.find(key.kid, "RS512") is None) is (alg not in {"RS256", "PS256"})


def test_one_key_of_that_name_is_enough() -> None:
    """Several may share it for different algorithms (RFC 7517 §4.5); of two for the same the first counts."""
    others = [signing_key("x", "RS256"), signing_key("x", "ES256"), signing_key("x", "EdDSA")]
    found = key_set(*(key.jwk() for key in others), SigningKey("x", "ES256", GOOD.private).jwk())
    assert [found.find("x", alg) for alg in ("RS256", "ES256", "EdDSA", "Ed25519")] == [*found.keys[:3], found.keys[2]]


def test_without_a_name_it_has_to_be_the_only_one() -> None:
    """Of two that it may be none is; where there is none the next set may have one."""
    found = key_set(GOOD.jwk(), signing_key("other", "ES256").jwk(kid=None), signing_key("only", "EdDSA").jwk())
    assert found.find(None, "EdDSA") is found.keys[2]
    assert found.find(None, "ES256") is None
    with pytest.raises(UnknownKey):
        found.find(None, "RS256")
    with pytest.raises(UnknownKey):
        found.find("unheard of", "ES256")


def test_thumbprints_are_those_of_the_standard() -> None:
    """RFC 7638 §3.1."""
    assert key_set(RFC_JWK).keys[0].thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_an_identity_lasts_while_nothing_about_a_key_changes() -> None:
    """What is said besides does not matter; its name, its use and the key itself do."""
    kept = key_set(GOOD.jwk(), signing_key("b", "EdDSA").jwk()).identities
    assert key_set(signing_key("b", "EdDSA").jwk(x5t="x"), GOOD.jwk(key_ops=["verify"])).identities == kept
    for other in (GOOD.jwk(kid="renamed"), SigningKey("good", "ES256", signing_key("c", "ES256").private).jwk()):
        assert kept.isdisjoint(key_set(other).identities)
    rsa = signing_key("r", "RS256")
    assert key_set(rsa.jwk()).identities.isdisjoint(key_set(rsa.jwk(alg=None)).identities)


def _private(key: SigningKey) -> dict[str, Any]:
    return {**key.jwk(), **key.algorithm.to_jwk(key.private, as_dict=True), "key_ops": ["sign", "verify"]}


USELESS: dict[str, Any] = {
    "a secret": {"kty": "oct", "k": "AAAA", "kid": "s", "alg": "HS256"},
    "private": _private(GOOD),
    "private RSA": _private(signing_key("a-RS256", "RS256")),
    "for encryption": GOOD.jwk(use="enc"),
    "to sign": GOOD.jwk(key_ops=["sign"]),
    "operations no list": GOOD.jwk(key_ops="verify"),
    "short RSA": SigningKey.made("w", "RS256", bits=1024).jwk(),
    "huge RSA": {**signing_key("a-RS256", "RS256").jwk(), "n": "_" * 11_000},
    "even exponent": {**signing_key("a-RS256", "RS256").jwk(), "e": "AAAC"},
    "exponent of one": {**signing_key("a-RS256", "RS256").jwk(), "e": "AQ"},
    "of no kind": {"kty": "???", "kid": "u"},
    "without kind": {"kid": "u", "x": "AAAA"},
    "kind no text": {**GOOD.jwk(), "kty": ["EC"]},
    "curve no text": {**GOOD.jwk(), "crv": {}},
    "name no text": {**GOOD.jwk(), "kid": 7},
    "other curve": {**GOOD.jwk(), "crv": "secp256k1", "alg": "ES256K"},
    "other algorithm": GOOD.jwk(alg="ES384"),
    "secret algorithm": GOOD.jwk(alg="HS256"),
    "no algorithm": GOOD.jwk(alg="none"),
    "not on the curve": {**GOOD.jwk(), "x": "A" * 43},
    "half of it": {name: value for name, value in GOOD.jwk().items() if name != "y"},
    "other Base64": {**GOOD.jwk(), "x": "+" * 43},
    "short": {**signing_key("a-EdDSA", "EdDSA").jwk(), "x": "AAAA"},
    "null": None,
    "text": "key",
    "list": [],
}


@pytest.mark.parametrize("useless", USELESS.values(), ids=USELESS)
def test_keys_of_no_use_are_passed_over(useless: Any) -> None:
    """And those beside them are taken; a set with no other is none."""
    assert [key.kid for key in key_set(useless, GOOD.jwk()).keys] == ["good"]
    with pytest.raises(ValueError, match="no key"):
        key_set(useless)


DOCUMENTS = {
    "nothing": b"",
    "no JSON": b"<html>",
    "a list": b"[]",
    "no keys": b"{}",
    "keys no list": b'{"keys": {}}',
    "empty": b'{"keys": []}',
    "twice": b'{"keys": [], "keys": [%s]}' % json.dumps(GOOD.jwk()).encode(),
    "not a number": b'{"keys": [%s], "x": NaN}' % json.dumps(GOOD.jwk()).encode(),
    "invalid UTF-8": b'{"keys": [%s], "x": "\xff"}' % json.dumps(GOOD.jwk()).encode(),
    "UTF-16": json.dumps({"keys": [GOOD.jwk()]}).encode("utf-16"),
    "deep": b'{"keys": ' + b"[" * 100_000,
    "many": json.dumps({"keys": [GOOD.jwk()] * (MAX_KEYS + 1)}).encode(),
    "long": json.dumps({"keys": [GOOD.jwk()], "x": "x" * MAX_BYTES}).encode(),
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_what_is_no_key_set_is_one_kind_of_error(document: bytes) -> None:
    """Whoever fetches it keeps the last one then."""
    with pytest.raises(ValueError):  # noqa: PT011 - the kind is all there is
        KeySet.parse(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["RS256", "ES256", "EdDSA"]), st.data())
def test_no_member_breaks_anything(alg: str, data: st.DataObject) -> None:
    """Whatever stands in place of some of a key's members, the key beside it is taken."""
    jwk = signing_key(f"a-{alg}", alg).jwk()
    changed = data.draw(st.dictionaries(st.sampled_from([*jwk, "crv", "key_ops", "d"]), JSON, min_size=1))
    assert "good" in [key.kid for key in key_set({**jwk, **changed}, GOOD.jwk()).keys]
