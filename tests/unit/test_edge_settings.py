"""Settings of the edge: which addresses and files of key sets can be meant."""

import os
from pathlib import Path

import pytest

from bff.settings import GatewaySettings
from shared.edge.settings import DOCUMENT_URL
from shared.errors import SettingsError
from shared.settings.loading import load


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


def test_keys_come_from_a_regular_file(tmp_path: Path) -> None:
    """A start would wait for a pipe, and there is nothing to read in the others."""
    pipe, absent = tmp_path / "pipe", tmp_path / "absent"
    os.mkfifo(pipe)
    for path in (pipe, absent, tmp_path):
        with pytest.raises(SettingsError, match=f"AUTH_JWKS_FILE='{path}': expected a regular file"):
            load(GatewaySettings, {"AUTH_JWKS_FILE": str(path)})
