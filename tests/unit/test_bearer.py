"""Reading bearer tokens, and what a refusal says (RFC 6750, RFC 9728)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.bearer import read_bearer
from shared.edge.challenges import Challenges, metadata_url
from shared.errors import InvalidAuthorization

PLAIN = Challenges("")
TOLD = Challenges("https://api.example.org/v1")
METADATA = 'resource_metadata="https://api.example.org/.well-known/oauth-protected-resource/v1"'
B64TOKEN = st.from_regex(r"[A-Za-z0-9._~+/-]+=*", fullmatch=True)


@given(B64TOKEN, st.sampled_from(["Bearer", "bearer", "BEARER", "bEaReR"]), st.integers(1, 4))
def test_a_token_is_read_as_it_stands(token: str, scheme: str, spaces: int) -> None:
    """The scheme in any case, one or more spaces, and a b64token (RFC 6750 §2.1)."""
    assert read_bearer(f"{scheme}{' ' * spaces}{token}", PLAIN) == token


@pytest.mark.parametrize(
    "field", [None, "", "Basic dXNlcjpwYXNz", "DPoP abc", "Bearerabc", "Bearer-2 abc", "B", "Be arer x"]
)
def test_other_credentials_are_none(field: str | None) -> None:
    """Whoever shows nothing, or something of another scheme, shows no token."""
    assert read_bearer(field, PLAIN) is None


@pytest.mark.parametrize(
    "field",
    [
        "Bearer", "bearer ", "Bearer  ", "Bearer\tabc", "Bearer abc ", "Bearer abc def", "Bearer a=b", "Bearer =",
        "Bearer abc, Bearer def", "Bearer abc,Bearer def", "Bearer, abc", 'Bearer "abc"', "Bearer tökén",
        "Bearer abc\n", "Bearer a\x00b", "Bearer=abc", "Bearer:abc", "Bearer \u212aabc",
    ],
)  # fmt: skip
def test_what_is_not_exactly_one_token_is_malformed(field: str) -> None:
    """Two fields that were merged into one are as well."""
    with pytest.raises(InvalidAuthorization) as refused:
        read_bearer(field, TOLD)
    assert refused.value.challenge == f'Bearer error="invalid_request", {METADATA}'


@given(st.text(max_size=40))
def test_nothing_else_comes_of_it(rest: str) -> None:
    """Whatever stands there, it is a token, none, or malformed."""
    try:
        found = read_bearer(f"Bearer{rest}", PLAIN)
    except InvalidAuthorization:
        return
    assert found is None or f" {found}" == f" {rest.lstrip(' ')}"


def test_challenges_tell_what_is_wrong_and_where_to_ask() -> None:
    """An error code for each but for who shows nothing; the metadata in each where there is a resource."""
    assert PLAIN.absent == "Bearer"
    assert PLAIN.invalid_request == 'Bearer error="invalid_request"'
    assert PLAIN.invalid_token == 'Bearer error="invalid_token"'
    assert PLAIN.insufficient_scope("a b") == 'Bearer error="insufficient_scope", scope="a b"'
    assert TOLD.absent == f"Bearer {METADATA}"
    assert TOLD.invalid_token == f'Bearer error="invalid_token", {METADATA}'
    assert TOLD.insufficient_scope("a") == f'Bearer error="insufficient_scope", scope="a", {METADATA}'


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ("https://a.example", "https://a.example/.well-known/oauth-protected-resource"),
        ("https://a.example/", "https://a.example/.well-known/oauth-protected-resource"),
        ("https://a.example:8443/api/v1", "https://a.example:8443/.well-known/oauth-protected-resource/api/v1"),
    ],
)
def test_the_well_known_path_stands_behind_the_host(resource: str, url: str) -> None:
    """And before the resource's own path (RFC 9728 §3.1)."""
    assert metadata_url(resource) == url
