"""What a program listens on: the public port and, where there is one, the port for operations."""

import os
import socket
import sys
from contextlib import ExitStack
from typing import Final, NamedTuple

from shared.edge.settings import EdgeSettings
from shared.serving.activation import OPERATIONS, inherited_sockets
from shared.settings.declared import Settings

BACKLOG: Final = 1024


class Listeners(NamedTuple):
    """Listening sockets, which all workers share; the public one may be ``kept`` by whoever started the program."""

    public: socket.socket
    operations: socket.socket | None
    kept: bool = False

    def close(self) -> None:
        """Close those of this process."""
        self.public.close()
        if self.operations is not None:
            self.operations.close()


def listen(service: str, settings: Settings) -> Listeners:
    """Listen on what was handed over, else where ``settings`` say; exits with 1 and a sentence where that cannot be."""
    handed = inherited_sockets(service)
    with ExitStack() as undo:
        public = undo.enter_context(handed.get("public") or _listen(service, settings.host, settings.port))
        operations = handed.get(OPERATIONS)
        if operations is None and isinstance(settings, EdgeSettings) and settings.ops_port != "":
            operations = _listen(service, settings.ops_host, settings.ops_port)
        undo.pop_all()
    return Listeners(public, operations, kept="public" in handed)


def _listen(service: str, host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        sys.stderr.write(f"{service}: cannot listen on {host}:{port}: {reason}\n")
        raise SystemExit(1) from None
