"""What the preparation of a workload has at hand: a client of the server, and the services behind it."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.common.client import Client
from benchmarks.common.issuer import Issuer
from benchmarks.common.services import Services

_AT_ONCE: Final = 32


@dataclass(frozen=True)
class Stage:
    """A server that runs.

    ``first`` is a number above which no user has been asked for; tokens are those of ``issuer``.
    """

    client: Client
    services: Services
    first: int
    issuer: Issuer

    async def ask(self, paths: Iterable[str]) -> None:
        """Ask once for each of these, several at a time."""
        await self.ask_with((path, {}) for path in paths)

    async def ask_with(self, requests: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        """Ask once for each of these paths with its headers, several at a time."""
        waiting = iter(requests)

        async def ask_on() -> None:
            for path, headers in waiting:
                await self.client.get(path, headers)

        await asyncio.gather(*(ask_on() for _ in range(_AT_ONCE)))
