"""What a user in memory takes: the gateway's own memory at some numbers of users, and the line through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import linear_regression
from typing import Final

import orjson

from benchmarks.common import usage
from benchmarks.common.client import Client
from benchmarks.common.process import CannotRun
from benchmarks.speed import popular
from benchmarks.speed.around import served
from benchmarks.speed.measurement import Bench
from benchmarks.speed.stage import Stage
from benchmarks.speed.targets import Target

ENTRIES: Final = 3
"""Of a user in the cache: the aggregate, the user, the orders."""

_ROOMY: Final = Target(
    ("bff",), {"CACHE_TTL_SECONDS": "300", "CACHE_MEMORY_ENTRIES": "1000000", "CACHE_MEMORY_MB": "4096"}
)
"""Nothing runs out, nor has to make room."""
_ATTEMPTS: Final = 5
_MIB: Final = 2**20


@dataclass(frozen=True)
class Memory:
    """Of one worker.

    Attributes:
        measured: numbers of users, and MiB (PSS) with so many in the cache.
        user: bytes for each, by least squares.
        base: bytes with none, by the same line.
    """

    measured: Sequence[tuple[int, float]]
    user: float
    base: float

    @property
    def entry(self) -> float:
        """Bytes for an entry."""
        return self.user / ENTRIES


def fitted(measured: Sequence[tuple[int, float]]) -> Memory:
    """The line through two points or more."""
    line = linear_regression([users for users, _ in measured], [mib * _MIB for _, mib in measured])
    return Memory(measured, line.slope, line.intercept)


async def grown(bench: Bench, numbers: Sequence[int]) -> Memory:
    """Ask for the users up to each of these numbers in turn, and look how much memory there is.

    Raises:
        CannotRun: the gateway does not get ready, or does not keep them.
    """
    for _ in range(_ATTEMPTS):
        measured = await _measured(bench, numbers)
        if len(measured) == len(numbers):
            return fitted(measured)
    raise CannotRun("The users that are asked for do not stay in the gateway's memory.")


async def _measured(bench: Bench, numbers: Sequence[int]) -> Sequence[tuple[int, float]]:
    """Numbers and MiB, up to where memory was emptied: a worker does that when it loses Redis, if for a moment only."""
    measured: list[tuple[int, float]] = []
    async with served(_ROOMY, bench) as server, Client(server.port) as client:
        stage, asked = Stage(client, bench.services, 0, bench.issuer), 0
        for number in numbers:
            await stage.ask(popular.paths(number)[asked:])
            asked = number
            await bench.settle(server)
            stats = orjson.loads((await client.get("/api/cache/stats")).content)
            if stats["tiers"]["memory"]["entries"] < ENTRIES * number:
                break
            measured.append((number, usage.memory_mib(usage.tree(server.pid))))
    return measured
