"""What live streams cost while nothing happens: memory, time of the processor, and what hits cost beside them."""

import asyncio
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Final

from benchmarks.speed import wrk
from benchmarks.speed.wrk import Load
from benchmarks.streams.audience import Audience
from benchmarks.streams.figures import Figure
from benchmarks.streams.plan import Plan
from benchmarks.streams.stage import Stage, path, stage

_BEFORE: Final = 20
"""So many come first and stay: what is made for the first of them is made once."""
_SETTLE_SECONDS: Final = 0.5
_MOST_KB: Final = 8.0
_MOST_CPU_MS: Final = 5.0
_MOST_RATIO: Final = 1.05
_CONNECTIONS: Final = 32
_HIT: Final = path("user-hit")


async def figures(plan: Plan) -> Sequence[Figure]:
    """Of streams of one user, and of streams of a user each, on a gateway of their own.

    Raises:
        CannotRun: a stream is refused, or hits are not answered.
    """
    found: list[Figure] = []
    for name, whose in _WHOSE.items():
        async with stage() as at, Audience(at.gateway.port) as early, Audience(at.gateway.port) as audience:
            paths = [path(whose(number)) for number in range(plan.streams)]
            await at.ask([_HIT, *dict.fromkeys(paths)])
            await early.join(paths[:_BEFORE])
            spent, kib = await _idle(at, plan.idle)
            await audience.join(paths[_BEFORE:])
            spent_with, kib_with = await _idle(at, plan.idle)
            figure = f"{plan.streams:,} streams of {name}"
            found += (
                Figure(f"{figure}: memory of each", (kib_with - kib) / len(audience.members), "KiB", _MOST_KB),
                Figure(f"{figure}: processor while nothing happens", (spent_with - spent) * 1e3, "ms/s", _MOST_CPU_MS),
                *await _hits(at, audience, plan, figure),
            )
    return found


_WHOSE: Final[dict[str, Callable[[int], str]]] = {"one user": lambda _: "user1", "a user each": "user{}".format}


async def _idle(at: Stage, seconds: float) -> tuple[float, float]:
    """Seconds of the processor for each second, and KiB of memory."""
    await asyncio.sleep(_SETTLE_SECONDS)
    before, begun = at.cpu, perf_counter()
    await asyncio.sleep(seconds)
    return (at.cpu - before) / (perf_counter() - begun), at.kib


async def _hits(at: Stage, audience: Audience, plan: Plan, figure: str) -> Sequence[Figure]:
    """With the streams and without them in turns, so that a bad minute is bad for both."""
    paths = [member.path for member in audience.members]
    beside, alone = list[float](), list[float]()
    for turn in range(plan.turns):
        if turn:
            await audience.join(paths)
        beside.append(await _hit(at, plan.turn))
        for member in audience.members:
            member.leave()
        audience.members.clear()
        await asyncio.sleep(_SETTLE_SECONDS)
        alone.append(await _hit(at, plan.turn))
    ratio = median(one / other for one, other in zip(beside, alone, strict=True))
    return (
        Figure(f"{figure}: processor for a hit", median(beside) * 1e6, "µs"),
        Figure(f"{figure}: … as a multiple of a hit without them", ratio, "times", _MOST_RATIO),
    )


async def _hit(at: Stage, seconds: int) -> float:
    """Seconds of the processor for a hit."""
    before = at.cpu
    answered = await wrk.run(
        Load([_HIT]), at.gateway.port, seconds=seconds, connections=_CONNECTIONS, first=0, folder=at.folder
    )
    return (at.cpu - before) / max(1, answered.requests)
