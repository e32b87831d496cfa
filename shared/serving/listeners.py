"""What a program listens on: the public port and, where there is one, the port for operations."""

import os
import socket
import sys
from contextlib import ExitStack
from typing import Final, NamedTuple

from shared.edge.settings import EdgeSettings
from shared.settings.declared import Settings

BACKLOG: Final = 1024


class Listeners(NamedTuple):
    """Listening sockets, which all workers share."""

    public: socket.socket
    operations: socket.socket | None

    def close(self) -> None:
        """Close those of this process."""
        self.public.close()
        if self.operations is not None:
            self.operations.close()


def listen(service: str, settings: Settings) -> Listeners:
    """Listen where ``settings`` say; exits with status 1 and a sentence where that cannot be."""
    with ExitStack() as undo:
        public, operations = undo.enter_context(_listen(service, settings.host, settings.port)), None
        if isinstance(settings, EdgeSettings) and settings.ops_port != "":
            operations = _listen(service, settings.ops_host, settings.ops_port)
        undo.pop_all()
    return Listeners(public, operations)


def _listen(service: str, host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        sys.stderr.write(f"{service}: cannot listen on {host}:{port}: {reason}\n")
        raise SystemExit(1) from None
