"""Listening sockets that the process was started with, as systemd hands them over (sd_listen_fds(3)).

Whoever started the process keeps them too: while none of our processes runs, connections wait for the next one.
"""

import os
import socket
import sys
from collections.abc import MutableMapping
from contextlib import ExitStack
from typing import Final, NoReturn

OPERATIONS: Final = "operations"
"""The name (``FileDescriptorName=``) of the socket for operations; one of any other name is the public one."""
_FIRST: Final = 3


def inherited_sockets(service: str, environ: MutableMapping[str, str] = os.environ) -> dict[str, socket.socket]:
    """Those that were meant for this process, by ``"public"`` and :data:`OPERATIONS`; its children get no word of them.

    Exits with status 1 and a sentence where they cannot be used.
    """
    process, number, names = (environ.pop(f"LISTEN_{name}", "") for name in ("PID", "FDS", "FDNAMES"))
    if process != str(os.getpid()):
        return {}
    found: dict[str, socket.socket] = {}
    labels = names.split(":") if names else []
    with ExitStack() as undo:
        for index in range(int(number) if number.isdecimal() else 0):
            label = labels[index] if index < len(labels) else ""
            name = OPERATIONS if label == OPERATIONS else "public"
            if name in found:
                _exit(service, f"two sockets were handed over as the {name} one")
            try:
                handed = undo.enter_context(socket.socket(fileno=_FIRST + index))
                listens = handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            except OSError:
                listens = False
            if not listens or handed.type != socket.SOCK_STREAM:
                _exit(service, f"descriptor {_FIRST + index} was handed over, and is no stream socket that listens")
            handed.set_inheritable(False)
            found[name] = handed
        undo.pop_all()
    return found


def _exit(service: str, reason: str) -> NoReturn:
    sys.stderr.write(f"{service}: cannot listen: {reason}\n")
    raise SystemExit(1)
