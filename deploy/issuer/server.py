"""Publishes the keys (RFC 7517) and what else clients want to know of an issuer (RFC 8414), on the loopback address."""

import json
import signal
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from deploy.issuer.signing import ALGORITHM
from deploy.issuer.store import Store, Unusable

LOOPBACK = "127.0.0.1"
JWKS_PATH = "/.well-known/jwks.json"
METADATA_PATH = "/.well-known/oauth-authorization-server"
HEALTH_PATH = "/health"
_ENDING = {signal.SIGINT, signal.SIGTERM}


class Server(ThreadingHTTPServer):
    """Reads the file anew for each request, so that a rotation is seen at once.

    Args:
        store: Where the keys are.
        port: What it listens on.

    Raises:
        OSError: It cannot listen there.
    """

    def __init__(self, store: Store, port: int) -> None:
        super().__init__((LOOPBACK, port), _Answers)
        self._store = store

    def answer(self, path: str) -> tuple[HTTPStatus, dict[str, Any]]:
        """Return status and document for a path."""
        try:
            keys = self._store.read()
        except Unusable:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "unhealthy"}
        if path == JWKS_PATH:
            return HTTPStatus.OK, keys.published(time.time())
        if path == METADATA_PATH:
            jwks = f"http://{LOOPBACK}:{self.server_port}{JWKS_PATH}"
            nothing: dict[str, list[str]] = {"response_types_supported": [], "grant_types_supported": []}
            return HTTPStatus.OK, {"issuer": keys.issuer, "jwks_uri": jwks, **nothing}
        if path == HEALTH_PATH:
            return HTTPStatus.OK, {"status": "healthy", "service": "issuer", "algorithm": ALGORITHM}
        return HTTPStatus.NOT_FOUND, {"status": "not found"}


class _Answers(BaseHTTPRequestHandler):
    server: Server
    timeout = 5.0

    def do_GET(self) -> None:
        status, document = self.server.answer(self.path.partition("?")[0])
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - a name that the library looks for

    def log_message(self, *_arguments: object) -> None:
        """Nothing: the gateway asks every few minutes, and probes more often."""


def serve_until_told(server: Server) -> None:
    """Serve until SIGTERM or SIGINT comes."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    thread = Thread(target=server.serve_forever)
    thread.start()
    signal.sigwait(_ENDING)
    server.shutdown()
    thread.join()
