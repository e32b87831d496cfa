"""The certificate that clients are shown, which may change while connections that were made with another go on."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from shared.edge.settings import EdgeSettings
from shared.errors import SettingsError
from shared.observing import metrics
from shared.settings import pem
from shared.settings.declared import Settings

_PREFIX: Final = "TLS_"
_MAX_BYTES: Final = 2**20


class Certificate:
    """A certificate with its key, as their files had them when they were last of use.

    Handed to another process it needs the files no more, whatever has become of them.
    """

    name: Final = f"{_PREFIX}CERT_FILE"

    def __init__(self, cert_file: str, key_file: str) -> None:
        """``key_file`` is "" where the key is in the same file.

        Raises:
            SettingsError: what is in the files cannot be used.
        """
        self._files = cert_file, key_file
        self._content = self._read()
        self._context = self._made(self._content)

    def reload(self) -> bool:
        """Read the files again, for handshakes that begin from now on; whether they hold something else now.

        Raises:
            SettingsError: what is in the files cannot be used; all stays as it was.
        """
        content = self._read()
        if content == self._content:
            return False
        self._content, self._context = content, self._made(content)
        self._tell_end()
        return True

    def server_context(self) -> ssl.SSLContext:
        """What a listener makes handshakes with: each shows the certificate that there is when it begins."""
        # A context that is loaded anew keeps the old key where the new one is of another kind (RSA, EC): so each
        # certificate has one of its own, which a handshake takes over when it has said hello.
        context = self._made(self._content)
        context.sni_callback = self._choose
        self._tell_end()
        return context

    def __getstate__(self) -> dict[str, Any]:
        """All but what belongs to this process."""
        return {"_files": self._files, "_content": self._content}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As it was in the other process."""
        self.__dict__.update(state)
        self._context = self._made(self._content)

    def _choose(self, handshake: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        handshake.context = self._context

    def _tell_end(self) -> None:
        with suppress(ValueError):  # OpenSSL, which takes more, can use it
            end = x509.load_pem_x509_certificate(self._content[0]).not_valid_after_utc
            metrics.tls_certificate_expires.labels(self.name).set(end.timestamp())

    def _read(self) -> tuple[bytes, bytes]:
        cert_file, key_file = self._files
        certificates = _bytes_of(f"{_PREFIX}CERT_FILE", cert_file)
        return certificates, _bytes_of(f"{_PREFIX}KEY_FILE", key_file) if key_file else b""

    def _made(self, content: tuple[bytes, bytes]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        certificates, key = content
        try:
            with _as_file(certificates) as cert_file, _as_file(key) as key_file:
                pem.load_pair(context, cert_file, key_file if self._files[1] else "")
        except OSError:
            raise SettingsError([pem.no_pair(_PREFIX, *self._files)]) from None
        return context


def certificate_of(settings: Settings) -> Certificate | None:
    """What clients are shown over TLS; None where there is none.

    Raises:
        SettingsError: what is in the files cannot be used.
    """
    if not isinstance(settings, EdgeSettings) or not settings.tls_cert_file:
        return None
    return Certificate(settings.tls_cert_file, settings.tls_key_file)


def _bytes_of(name: str, path: str) -> bytes:
    try:
        if not Path(path).is_file():  # nobody knows when a pipe ends
            raise SettingsError([f"{name}={path!r}: expected a regular file"])
        with Path(path).open("rb") as file:
            return file.read(_MAX_BYTES)
    except OSError as error:
        raise SettingsError([f"{name}={path!r}: expected a file that can be read ({error.strerror})"]) from None


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """The name of a file in memory: OpenSSL reads nothing else, and the key is on no disk but its own."""
    with os.fdopen(os.memfd_create("pem"), "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"
