"""The certificate that clients are shown: read from files, read again, and kept where that fails."""

import pickle
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from prometheus_client import REGISTRY

from shared.edge.settings import EdgeSettings
from shared.errors import SettingsError
from shared.serving.certificate import Certificate, certificate_of
from shared.settings.loading import load
from tests.fixtures.certificates import HOST, Pair, client_context, new_pair, number_of


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """A pair that is of use."""
    return new_pair(tmp_path)


def _read(pair: Pair) -> Certificate:
    return Certificate(str(pair.cert_file), str(pair.key_file))


def _shown(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = HOST) -> ssl.SSLObject:
    """The client's end of a handshake."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    left = [theirs, ours]
    while left:
        for end in list(left):
            try:
                end.do_handshake()
                left.remove(end)
            except ssl.SSLWantReadError:
                pass
    return theirs


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", [HOST, None])
@pytest.mark.parametrize("after", list(trustme.KeyType))
@pytest.mark.parametrize("before", list(trustme.KeyType))
def test_a_handshake_shows_what_was_read_last(
    pair: Pair, before: trustme.KeyType, after: trustme.KeyType, name: str | None, version: ssl.TLSVersion
) -> None:
    """Of whatever kinds the keys are, and whether or not the client says whom it wants."""
    client = client_context()
    client.check_hostname = name is not None
    client.maximum_version = version
    first = pair.renew(before)
    certificate = _read(pair)
    server = certificate.server_context()
    assert number_of(_shown(server, client, name)) == first
    assert not certificate.reload()
    second = pair.renew(after)
    assert number_of(_shown(server, client, name)) == first
    assert certificate.reload()
    shown = _shown(server, client, name)
    assert number_of(shown) == second
    assert shown.version() == version.name.replace("_", ".", 1).replace("_", ".")


def test_only_what_is_safe_is_spoken(pair: Pair) -> None:
    """HTTP/1.1 over TLS 1.2 or newer, without compression."""
    server = _read(pair).server_context()
    client = client_context()
    client.set_alpn_protocols(["h2", "http/1.1"])
    shown = _shown(server, client)
    assert shown.selected_alpn_protocol() == "http/1.1"
    assert shown.compression() is None
    assert server.minimum_version == ssl.TLSVersion.TLSv1_2


def _cut(pair: Pair) -> None:
    pair.cert_file.write_bytes(pair.cert_file.read_bytes()[:200])


def _replace_key(pair: Pair) -> None:
    kept = pair.cert_file.read_bytes()
    pair.renew()
    pair.cert_file.write_bytes(kept)


def _put_folder(pair: Pair) -> None:
    pair.key_file.unlink()
    pair.key_file.mkdir()


BROKEN: dict[str, Callable[[Pair], object]] = {
    "no certificate": lambda pair: pair.cert_file.unlink(),
    "no key": lambda pair: pair.key_file.unlink(),
    "folder": _put_folder,
    "empty certificate": lambda pair: pair.cert_file.write_bytes(b""),
    "empty key": lambda pair: pair.key_file.write_bytes(b""),
    "cut off": _cut,
    "another's key": _replace_key,
}


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN.keys())
def test_what_cannot_be_used_changes_nothing(pair: Pair, spoil: Callable[[Pair], object]) -> None:
    """The sentence says which setting it is about, and handshakes go on, in processes to come as well."""
    number = pair.renew()
    certificate = _read(pair)
    server = certificate.server_context()
    spoil(pair)
    with pytest.raises(SettingsError, match=r"^TLS_(CERT|KEY)_FILE='"):
        certificate.reload()
    elsewhere = pickle.loads(pickle.dumps(certificate)).server_context()  # noqa: S301 - our own
    for context in (server, elsewhere):
        assert number_of(_shown(context, client_context())) == number
    with pytest.raises(SettingsError, match=r"^TLS_(CERT|KEY)_FILE='"):
        load(EdgeSettings, pair.environment)


def _told_end() -> float | None:
    return REGISTRY.get_sample_value("tls_certificate_expires_timestamp_seconds", {"certificate": "TLS_CERT_FILE"})


def test_the_end_that_is_told_is_that_of_the_certificate_in_use(pair: Pair) -> None:
    """Of the first certificate in the file, which is ours; it changes with it, and not with what cannot be used."""
    certificate = _read(pair)
    certificate.server_context()
    assert _told_end() == pair.ends
    soon = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
    pair.renew(ends=soon)
    assert certificate.reload()
    assert _told_end() == soon.timestamp()
    pair.renew()
    pair.key_file.write_bytes(b"")
    with pytest.raises(SettingsError):
        certificate.reload()
    assert _told_end() == soon.timestamp()


def test_a_key_may_stand_beside_its_certificate(pair: Pair) -> None:
    """One file has both then."""
    number = pair.renew()
    pair.cert_file.write_bytes(pair.key_file.read_bytes() + pair.cert_file.read_bytes())
    certificate = certificate_of(load(EdgeSettings, {"TLS_CERT_FILE": str(pair.cert_file)}))
    assert certificate is not None
    assert number_of(_shown(certificate.server_context(), client_context())) == number
    assert _told_end() == pair.ends


def test_a_key_alone_is_a_mistake(pair: Pair) -> None:
    """Nothing would be served over TLS."""
    with pytest.raises(SettingsError, match="expected TLS_CERT_FILE too"):
        load(EdgeSettings, {"TLS_KEY_FILE": str(pair.key_file)})
