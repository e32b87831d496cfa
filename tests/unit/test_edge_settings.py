"""Settings of the edge: which addresses of key sets can be meant."""

import pytest

from shared.edge.settings import DOCUMENT_URL


@pytest.mark.parametrize(
    "url",
    [
        "https://id.example.org/.well-known/jwks.json",
        "http://127.0.0.1:8010/keys/",
        "https://login.example.org/tenant/discovery/keys?p=b2c_1_signin&x=%20",
    ],
)
def test_an_address_is_kept_to_the_letter(url: str) -> None:
    """With its query and a slash at its end, which some issuers need."""
    assert DOCUMENT_URL.parse(url) == url


@pytest.mark.parametrize(
    "url",
    ["", "keys.json", "ftp://a/b", "https://", "https://u:p@a/keys", "https://a/k#x", "https://a/k?", "https://a/k?x=1#y",
     "https://a/k?x y", "https://a/k?x=%2", "https://a/k?\r\nX: y", "https://a/k?é"],
)  # fmt: skip
def test_what_is_none_is_refused(url: str) -> None:
    """Nor can anything be put into the request by it."""
    with pytest.raises(ValueError):  # noqa: PT011 - the kind is all there is
        DOCUMENT_URL.parse(url)
