"""TLS towards services: trusted authorities and the client certificate."""

import ssl

from shared.settings.pem import load_pair


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
        load_pair(context, cert_file, key_file)
    return context
