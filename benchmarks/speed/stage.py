"""What the preparation of a workload has at hand: a client of the server, and the services behind it."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from benchmarks.common.client import Client
from benchmarks.speed.services import Services

_AT_ONCE: Final = 32


@dataclass(frozen=True)
class Stage:
    """A server that runs; ``first`` is a number above which no user has been asked for."""

    client: Client
    services: Services
    first: int

    async def ask(self, paths: Iterable[str]) -> None:
        """Ask once for each of these, several at a time."""
        waiting = iter(paths)

        async def ask_on() -> None:
            for path in waiting:
                await self.client.get(path)

        await asyncio.gather(*(ask_on() for _ in range(_AT_ONCE)))
