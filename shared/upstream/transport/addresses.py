"""Where instances are, for aiohttp, which knows hosts by their names."""

import socket
from collections.abc import Sequence
from itertools import count
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

_NOWHERE: Final = ".invalid"
"""Names that nobody can look up (RFC 6761 §6.4)."""


class Addresses(AbstractResolver):
    """Where instances are, each under a name of its own that nobody can look up; the system knows all others."""

    def __init__(self) -> None:
        self._hosts: dict[str, Sequence[str]] = {}
        self._numbers = count(1)
        self._system = aiohttp.ThreadedResolver()

    def add(self, hosts: Sequence[str]) -> str:
        """The name for what is at one of ``hosts``."""
        name = f"instance-{next(self._numbers)}{_NOWHERE}"
        self._hosts[name] = hosts
        return name

    def remove(self, name: str) -> None:
        """Forget it."""
        self._hosts.pop(name, None)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of ``host``; called by aiohttp for each new connection."""
        hosts = self._hosts.get(host)
        if hosts is None and host.endswith(_NOWHERE):
            raise OSError("the instance has left")
        if hosts is None:
            return await self._system.resolve(host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=one,
                port=port,
                family=socket.AF_INET6 if ":" in one else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for one in hosts
        ]

    async def close(self) -> None:
        """Nothing is open."""
