"""Settings of the edge: what can be meant, and which sentence tells whoever has meant something else."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.addresses import ClientAddresses
from shared.edge.keys import MAX_BYTES
from shared.edge.settings import DOCUMENT_URL, EdgeSettings
from shared.errors import SettingsError
from shared.settings.loading import load
from tests.fixtures.issuer import AUDIENCE, ISSUER, Issuer

JWT: Final = {
    "AUTH": "jwt", "AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": AUDIENCE, "AUTH_JWKS_URL": "https://id.example.org/keys",
}  # fmt: skip


def mistakes(**environ: str) -> tuple[str, ...]:
    """The sentences about ``environ``; none where it can be used."""
    try:
        load(EdgeSettings, environ)
    except SettingsError as error:
        return error.mistakes
    return ()


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


MISTAKEN: Final[Mapping[str, list[str]]] = {
    "AUTH": ["on", "JWT,off", "true"],
    "AUTH_JWKS_URL": ["keys.json", "https://user:secret@id.example.org/keys"],
    "AUTH_ISSUER": ["https://id example", "a,b", "x" * 257],
    "AUTH_AUDIENCE": ["a b", "a,b"],
    "AUTH_ALGORITHMS": ["HS256", "none", "rs256", "RS256,,ES256", "RS256,RS256", ",", "RS256,HS256", "ES256K"],
    "AUTH_TOKEN_TYPES": ["at+jwt,,JWT", "JWT,jwt", "a b", "a/b/c"],
    "AUTH_SUBJECT_CLAIM": ["user name"],
    "AUTH_LEEWAY_SECONDS": ["-1", "601", "nan", "1m"],
    "AUTH_CACHE_SECONDS": ["-1", "inf"],
    "AUTH_JWKS_SECONDS": ["0"],
    "AUTH_JWKS_COOLDOWN_SECONDS": ["0"],
    "AUTH_REVOCATION_SECONDS": ["0", "1.5", "604801"],
    "AUTH_RESOURCE": ["api.example.org", "https://api.example.org/?x"],
    "AUTH_LOG_KEY": ["short"],
    "DIAGNOSTICS": ["yes"],
    "RATE_LIMIT_USER": ["0/60", "100/0", "1e3/60", "-1/60", "100 / 60", "100", "100/60/1", "100/100000", "\u0661/60"],
    "RATE_LIMIT_ADDRESS": ["0/60"],
    "RATE_LIMIT_FAILURES": ["/60"],
    "TRUSTED_PROXIES": ["10.0.0.1/8", "10.0.0.0/33", "proxy.example.org", "*", "unix,unix", "10.0.0.0/8,",
                        "127.0.0.1,127.0.0.1/32", "fe80::1%eth0", "::ffff:10.0.0.1,10.0.0.1", "::ffff:10.0.0.1/104"],
    "PROXY_HEADER": ["x-real-ip"],
    "TRUST_TRACE": ["sometimes"],
    "CORS_ORIGINS": ["*", "null", "app.example.org", "https://app.example.org/x", "https://app.example.org?x", "https://*.example.org",
                     "https://a.example.org,,https://b.example.org", "https://a.example.org,https://A.example.org:443",
                     "https://user:secret@app.example.org", "https://" + "x" * 5000],
    "OPS_HOST": ["no such host", "10.0.0.0/8"],
    "OPS_PORT": ["0", "70000", "-1", "8000.0"],
    "OPS_PUBLIC": ["yes", "1"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, wrong in MISTAKEN.items() for value in wrong])
def test_a_mistake_is_one_sentence(name: str, value: str) -> None:
    """It names variable, value and what was expected, in a line that can be read, without secrets."""
    (sentence,) = mistakes(**{name: value})
    assert sentence.startswith(f"{name}='")
    assert "': expected " in sentence
    assert "secret" not in sentence
    assert len(sentence) < 500


def test_mistakes_are_told_together() -> None:
    """Those of all settings of the edge."""
    told = mistakes(**{name: wrong[0] for name, wrong in MISTAKEN.items()})
    assert {sentence.partition("=")[0] for sentence in told} == MISTAKEN.keys()


CONTRADICTIONS: Final[Mapping[str, tuple[Mapping[str, str], str]]] = {
    "no keys": ({"AUTH_JWKS_URL": ""}, "AUTH=jwt: expected one of AUTH_JWKS_URL and AUTH_JWKS_FILE"),
    "no issuer": ({"AUTH_ISSUER": ""}, "AUTH=jwt: expected AUTH_ISSUER as well"),
    "no audience": ({"AUTH_AUDIENCE": ""}, "AUTH=jwt: expected AUTH_AUDIENCE as well"),
    "one port": ({"OPS_PORT": "8000"}, "OPS_PORT=8000: expected another port than PORT"),
    "a key alone": ({"TLS_KEY_FILE": __file__}, f"TLS_KEY_FILE={__file__!r}: expected TLS_CERT_FILE too"),
}


@pytest.mark.parametrize(("changed", "sentence"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_one_sentence(changed: Mapping[str, str], sentence: str) -> None:
    """Where each value could be used by itself."""
    assert mistakes(**{**JWT, **changed}) == (sentence,)
    assert mistakes(**JWT) == ()


def test_keys_come_from_one_place(tmp_path: Path) -> None:
    """Of two, nobody would know which counts."""
    path = tmp_path / "keys.json"
    path.write_bytes(Issuer().key_set())
    assert mistakes(**{**JWT, "AUTH_JWKS_URL": ""}, AUTH_JWKS_FILE=str(path)) == ()
    assert mistakes(**JWT, AUTH_JWKS_FILE=str(path)) == ("AUTH=jwt: expected one of AUTH_JWKS_URL and AUTH_JWKS_FILE",)


def _private() -> bytes:
    key = Issuer().keys["ES256"]
    return json.dumps({"keys": [key.algorithm.to_jwk(key.private, as_dict=True)]}).encode()


FILES: Final[Mapping[str, Any]] = {
    "absent": str,
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a broken link": lambda path: path.symlink_to("nothing"),
    "empty": Path.touch,
    "a page": lambda path: path.write_text("<html>"),
    "no keys": lambda path: path.write_text('{"keys": []}'),
    "a private key": lambda path: path.write_bytes(_private()),
    "too large": lambda path: path.write_bytes(Issuer().key_set() + b" " * MAX_BYTES),
}


@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_a_file_without_keys_is_a_mistake(tmp_path: Path, make: Any) -> None:
    """Told before a socket opens, rather than by a gateway that is never ready; and nobody waits for a pipe."""
    path = tmp_path / "keys.json"
    make(path)
    (sentence,) = mistakes(**{**JWT, "AUTH_JWKS_URL": ""}, AUTH_JWKS_FILE=str(path))
    assert sentence.startswith(f"AUTH_JWKS_FILE='{path}': expected a regular file with a set of keys (RFC 7517)")


@pytest.mark.parametrize(
    "trusted", ["::ffff:10.0.0.1", "::ffff:10.0.0.0/120", "10.0.0.1", "10.0.0.0/24", "::FFFF:A00:1"]
)
@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_a_proxy_is_trusted_however_its_address_is_written(trusted: str, peer: str) -> None:
    """Also as the IPv6 address that stands for one of IPv4."""
    networks = load(EdgeSettings, {"TRUSTED_PROXIES": trusted}).trusted_proxies
    assert ClientAddresses(networks).trusts(peer)
    assert not ClientAddresses(networks).trusts("10.0.1.1")


@given(st.lists(st.ip_addresses(), min_size=1, max_size=4, unique=True))
def test_every_address_that_is_taken_is_trusted(addresses: list[Any]) -> None:
    """And nothing is taken that could never match."""
    networks = load(EdgeSettings, {"TRUSTED_PROXIES": ",".join(map(str, addresses))}).trusted_proxies
    assert all(ClientAddresses(networks).trusts(str(address)) for address in addresses)
