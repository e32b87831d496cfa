"""Files of certificates and keys (PEM), as settings name them."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shared.settings.values import Kind


def load_pair(context: ssl.SSLContext, cert_file: str, key_file: str) -> None:
    """Show the certificate of one file, with its key in the other or, where that is "", in the same.

    Raises:
        OSError: a file cannot be read, or does not hold what it should.
    """
    # Without a password of ours OpenSSL would ask for one on the terminal.
    context.load_cert_chain(cert_file, key_file or None, password="")


def pair_conflicts(prefix: str, cert_file: str, key_file: str) -> Iterator[str]:
    """One sentence if certificate and key, of variables that begin with ``prefix``, cannot be used together."""
    if not cert_file:
        if key_file:
            yield f"{prefix}KEY_FILE={key_file!r}: expected {prefix}CERT_FILE too"
        return
    try:
        load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), cert_file, key_file)
    except OSError:
        yield no_pair(prefix, cert_file, key_file)


def no_pair(prefix: str, cert_file: str, key_file: str) -> str:
    """The sentence about a certificate without its key."""
    return f"{prefix}CERT_FILE={cert_file!r}: expected the certificate's own key, without a password, " + (
        f"in {prefix}KEY_FILE={key_file!r}" if key_file else "in the same file"
    )


def _certificates(text: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(readable_file(text))
    except OSError as error:
        raise ValueError(text) from error
    return text


def readable_file(text: str) -> str:
    """``text``, the path of a regular file that can be read.

    Raises:
        ValueError: it is none.
    """
    if not Path(text).is_file():  # of anything else, such as a pipe, nobody knows when it ends
        raise ValueError(text)
    try:
        Path(text).read_bytes()
    except OSError as error:
        raise ValueError(text) from error
    return text


CERTIFICATES: Final = Kind("a readable file of certificates in PEM form", _certificates)
KEY: Final = Kind("a readable file with a private key in PEM form", readable_file)
