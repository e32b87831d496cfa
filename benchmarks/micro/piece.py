"""A piece of work that every request, or every miss, does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from time import perf_counter

import uvloop

Timed = Callable[[int], float]
"""Does the piece so many times and gives the seconds that took."""


@dataclass(frozen=True)
class Piece:
    """``make`` prepares what the piece needs and gives the call that is timed; it is not used before it is needed."""

    name: str
    make: Callable[[], Callable[[], object]]

    def timed(self) -> Timed:
        """The piece in a loop."""
        made = cache(self.make)

        def run(loops: int) -> float:
            call = made()
            begun = perf_counter()
            for _ in range(loops):
                call()
            return perf_counter() - begun

        return run


@dataclass(frozen=True)
class AwaitedPiece:
    """One that is awaited."""

    name: str
    make: Callable[[], Callable[[], Awaitable[object]]]

    def timed(self) -> Timed:
        """The piece in a loop, on an event loop."""
        made = cache(self.make)

        async def run(loops: int) -> float:
            call = made()
            begun = perf_counter()
            for _ in range(loops):
                await call()
            return perf_counter() - begun

        return lambda loops: uvloop.run(run(loops))
