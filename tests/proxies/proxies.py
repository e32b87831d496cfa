"""A proxy before a server of the test, with its configuration out of docs/edge, ports and certificates filled in."""

import http.client
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import trustme

from tests.fixtures.processes import ROOT, free_port, log_text, wait_until

AUTHORITY: Final = trustme.CA()
CERTIFICATE: Final = AUTHORITY.issue_cert("127.0.0.1", "localhost")
CONFIGURATIONS: Final = ROOT / "docs" / "edge"
KINDS: Final = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("nginx", "haproxy")]
_SEARCHED: Final = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
_PATIENCE_SECONDS: Final = 30.0
CONTEXT: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Of clients, who trust that."""
AUTHORITY.configure_trust(CONTEXT)

_NGINX: Final = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/proxy.log;
events {{}}
http {{
    log_format forwarded '$status $upstream_status "$request"';
    access_log {folder}/requests.log forwarded;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/gateway.conf;
}}
"""
_HAPROXY: Final = """
global
    log stdout format raw local0 info
    nbthread 1
    maxconn 200
"""


@dataclass(frozen=True)
class Proxy:
    """A running proxy.

    Attributes:
        port: Where it takes HTTPS.
        plain: Where it takes HTTP.
        requests: Where it writes down what it was asked.
        is_forwarded: Whether it passed on what a line of that tells of.
    """

    port: int
    plain: int
    requests: Path
    is_forwarded: Callable[[str], bool]

    def connect(self, source: str = "127.0.0.1") -> ssl.SSLSocket:
        """A TLS connection from an address of this machine."""
        connection = socket.create_connection(("127.0.0.1", self.port), _PATIENCE_SECONDS, (source, 0))
        return CONTEXT.wrap_socket(connection, server_hostname="localhost")


class Client(http.client.HTTPSConnection):
    """One connection to a proxy."""

    def __init__(self, proxy: Proxy, source: str = "127.0.0.1") -> None:
        super().__init__("localhost")
        self.sock = proxy.connect(source)

    def ask(
        self, path: str, fields: list[tuple[str, str]] | None = None, method: str = "GET", body: bytes = b""
    ) -> http.client.HTTPResponse:
        """Send a request and return the answer, of which the body is still to be read."""
        self.putrequest(method, path, skip_accept_encoding=True)
        for name, value in fields or []:
            self.putheader(name, value)
        if body:
            self.putheader("Content-Length", str(len(body)))
        self.endheaders(body or None)
        return self.getresponse()


def installed(kind: str) -> str:
    """Where the program is; a test that needs it is left out where it is not."""
    program = shutil.which(kind, path=_SEARCHED)
    if program is None:
        pytest.skip(f"no {kind}")
    return program


@contextmanager
def running(kind: str, folder: Path, behind: int) -> Iterator[Proxy]:
    """``kind`` before whatever listens on port ``behind``, taking connections."""
    program = installed(kind)
    command, proxy = _NAMED[kind](folder, behind)
    output = folder / "output.log"
    with output.open("wb") as out, subprocess.Popen([program, *command], stdout=out, stderr=out) as process:
        try:
            wait_until(lambda: _listens(process, proxy.port, output), f"{kind} does not listen")
            yield proxy
        finally:
            process.terminate()
            print(log_text(output))  # noqa: T201 - shown with a failure


def _listens(process: "subprocess.Popen[bytes]", port: int, output: Path) -> bool:
    assert process.poll() is None, log_text(output)
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _nginx(folder: Path, behind: int) -> tuple[list[str], Proxy]:
    port, plain = free_port(), free_port()
    certificate, key = folder / "gateway.pem", folder / "gateway.key"
    CERTIFICATE.cert_chain_pems[0].write_to_path(certificate)
    CERTIFICATE.private_key_pem.write_to_path(key)
    text = _filled(
        (CONFIGURATIONS / "nginx.conf").read_text(),
        {
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{behind};",
            "listen 80;": f"listen 127.0.0.1:{plain};",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "/etc/ssl/gateway.pem": str(certificate),
            "/etc/ssl/private/gateway.key": str(key),
        },
    )
    (folder / "gateway.conf").write_text(text)
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder))
    # What the client left before its end has no status of the gateway, and may have reached it.
    forwarded = re.compile(r"(\d+ \d|499 -)").match
    requests = folder / "requests.log"
    return ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "proxy.log")], Proxy(
        port, plain, requests, lambda line: forwarded(line) is not None
    )


def _haproxy(folder: Path, behind: int) -> tuple[list[str], Proxy]:
    port, plain = free_port(), free_port()
    certificate = folder / "gateway.pem"
    CERTIFICATE.private_key_and_cert_chain_pem.write_to_path(certificate)
    text = _filled(
        (CONFIGURATIONS / "haproxy.cfg").read_text(),
        {
            "server gateway 127.0.0.1:8000 ": f"server gateway 127.0.0.1:{behind} ",
            "bind :80\n": f"bind 127.0.0.1:{plain}\n",
            "bind :443 ": f"bind 127.0.0.1:{port} ",
            "/etc/haproxy/gateway.pem": str(certificate),
        },
    )
    (folder / "haproxy.cfg").write_text(_HAPROXY + text)
    requests = folder / "output.log"
    return ["-db", "-f", str(folder / "haproxy.cfg")], Proxy(
        port, plain, requests, lambda line: " gateway/gateway " in line
    )


_NAMED: Final = {"nginx": _nginx, "haproxy": _haproxy}


def _filled(text: str, places: dict[str, str]) -> str:
    for place, value in places.items():
        assert text.count(place) == 1, place
        text = text.replace(place, value)
    return text
