"""TLS towards services: trusted authorities and the client certificate."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shared.settings.values import Kind


def client_context(ca_file: str, cert_file: str, key_file: str) -> ssl.SSLContext | None:
    """What handshakes with services are made with, from PEM files, each of which may be ""; None for the usual.

    Raises:
        OSError: a file cannot be read, or does not hold what it should.
    """
    if not ca_file and not cert_file:
        return None
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file:
        context.load_verify_locations(ca_file)
    if cert_file:
        _load_chain(context, cert_file, key_file)
    return context


def conflicts(cert_file: str, key_file: str) -> Iterator[str]:
    """One sentence if the client certificate and its key cannot be used together."""
    if not cert_file:
        if key_file:
            yield f"UPSTREAM_CLIENT_KEY_FILE={key_file!r}: expected UPSTREAM_CLIENT_CERT_FILE too"
        return
    try:
        _load_chain(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), cert_file, key_file)
    except OSError:
        yield (
            f"UPSTREAM_CLIENT_CERT_FILE={cert_file!r}: expected the certificate's own key, without a password, "
            + (f"in UPSTREAM_CLIENT_KEY_FILE={key_file!r}" if key_file else "in the same file")
        )


def _load_chain(context: ssl.SSLContext, cert_file: str, key_file: str) -> None:
    # Without a password of ours OpenSSL would ask for one on the terminal.
    context.load_cert_chain(cert_file, key_file or None, password="")


def _certificates(text: str) -> str:
    _check_regular(text)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(text)
    except OSError as error:
        raise ValueError(text) from error
    return text


def _file(text: str) -> str:
    _check_regular(text)
    try:
        Path(text).read_bytes()
    except OSError as error:
        raise ValueError(text) from error
    return text


def _check_regular(text: str) -> None:
    """Of anything else, such as a pipe, nobody knows when it ends."""
    if not Path(text).is_file():
        raise ValueError(text)


CERTIFICATES: Final = Kind("a readable file of certificates in PEM form", _certificates)
KEY: Final = Kind("a readable file with a private key in PEM form", _file)
