"""Who knows a secret of its own is let in to one route, by showing it or by signing with it; nobody else is."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.credentials import Credentials
from shared.settings.secret import Secret

TOKEN, KEY = "the-token-of-events", "a-key-to-sign-with"
BODY = b'{"id": "1"}'


def signature(key: str, body: bytes) -> str:
    """As the other side makes it."""
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def allowed(
    fields: Mapping[str, str | Sequence[str]], body: bytes = BODY, *, token: str = TOKEN, key: str = KEY
) -> bool:
    """Whether a request with these fields of the head is let in."""

    def values(name: str) -> Sequence[str]:
        found = fields.get(name, ())
        return (found,) if isinstance(found, str) else found

    return Credentials("events", Secret(token), Secret(key)).allow(values, body)


@given(st.binary(max_size=100), st.text(min_size=1), st.text(min_size=1))
def test_what_was_signed_is_what_has_come(body: bytes, key: str, other: str) -> None:
    """By this key, and as it is."""
    signed = {"x-hub-signature-256": signature(KEY, body)}
    assert allowed(signed, body)
    assert not allowed(signed, body + b" ")
    assert not allowed(signed, body, key=other)
    assert not allowed({"x-hub-signature-256": other}, body)
    assert not allowed({"authorization": f"Bearer {key}"}, body)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_token_is_shown_as_any_other(scheme: str) -> None:
    """Once."""
    assert allowed({"authorization": f"{scheme} {TOKEN}"})
    for odd in (f"{scheme} {TOKEN}x", f"{scheme} {TOKEN[:-1]}", TOKEN, f"Basic {TOKEN}", f"{scheme} ", "\udcff"):
        assert not allowed({"authorization": odd})
    assert not allowed({"authorization": [f"{scheme} {TOKEN}"] * 2})


def test_who_has_none_lets_nobody_in() -> None:
    """An empty secret is not one that could be shown, or signed with."""
    for fields in ({"authorization": "Bearer "}, {"x-hub-signature-256": signature("", BODY)}, {}):
        assert not allowed(fields, token="", key="")
    assert not Credentials("events", Secret(), Secret())
    assert Credentials("events", Secret(TOKEN), Secret())
    assert Credentials("events", Secret(), Secret(KEY))


def test_neither_stands_for_the_other() -> None:
    """A token signs nothing, a key is not shown; a wrong one beside a right one takes nothing away."""
    assert not allowed({"authorization": f"Bearer {KEY}", "x-hub-signature-256": signature(TOKEN, BODY)})
    assert allowed({"authorization": "Bearer wrong", "x-hub-signature-256": signature(KEY, BODY)})
    assert allowed({"authorization": f"Bearer {TOKEN}", "x-hub-signature-256": "sha256=wrong"})
    assert not allowed({"x-hub-signature-256": [signature(KEY, BODY)] * 2})
