"""Ports for servers that are started later, and again after they were killed."""

import socket
from random import SystemRandom
from typing import Final

LOCAL: Final = "127.0.0.1"

_PORTS: Final = range(22_000, 32_000)
"""Below those that the kernel gives to outgoing connections, which would take a port whose server is away."""

_given: set[int] = set()


def free_port() -> int:
    """A port that nothing listens on at the moment; each is given once."""
    while True:
        port = SystemRandom().choice(_PORTS)
        if port in _given:
            continue
        try:
            socket.create_server((LOCAL, port)).close()
        except OSError:
            continue
        _given.add(port)
        return port
