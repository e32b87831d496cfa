"""Memory of a gateway with live streams while it is asked for what it has and for what it has not."""

import asyncio
from collections.abc import Sequence
from itertools import count
from statistics import linear_regression
from time import perf_counter
from typing import Final

from benchmarks.common.client import BrokenAnswer, NoAnswer
from benchmarks.common.kinds import Kind, kind_of
from benchmarks.common.process import CannotRun
from benchmarks.streams.audience import Audience, there
from benchmarks.streams.figures import Figure
from benchmarks.streams.plan import Plan
from benchmarks.streams.stage import Stage, path, stage

_RATE: Final = 200
_NEW_EVERY: Final = 20
_PURGE_SECONDS: Final = 2.0
_TURNOVER: Final = 5
"""So many leave in every tenth of a second, and others come."""
_STEP_SECONDS: Final = 0.1
_LOOK_SECONDS: Final = 1.0
_MEMORY_ENTRIES: Final = "5000"
_FILL: Final = 2_000
"""Users whose entries fill memory, so that from then on one leaves for each that comes."""
_MOST_KIB: Final = 2_048.0


async def figures(plan: Plan) -> Sequence[Figure]:
    """Of as many streams of one user as of users with a stream each, both at once.

    Raises:
        CannotRun: a stream is refused or ends.
    """
    settings = {"CACHE_MEMORY_ENTRIES": _MEMORY_ENTRIES}
    async with stage(settings) as at, Audience(at.gateway.port) as one, Audience(at.gateway.port) as many:
        await at.ask(path(f"fill{number}") for number in range(_FILL))
        await one.join([path("user0")] * plan.streams)
        await many.join(path(f"user{number}") for number in range(plan.streams))
        looks: list[tuple[float, float]] = []
        failed: list[str] = []
        looking = asyncio.create_task(_look(at, looks))
        try:
            await _load(at, one, plan.load, failed)
        except ExceptionGroup as group:
            raise CannotRun(str(group.exceptions[0])) from group
        finally:
            looking.cancel()
        await asyncio.wait([looking])
        times, kib = zip(*looks[len(looks) // 4 :], strict=True)
        slope = linear_regression(times, kib).slope
        figure = f"{plan.streams:,} and {plan.streams:,} streams under load for {plan.load:,.0f} s"
        gone = 2 * plan.streams - there(one.members) - there(many.members)
        return (
            Figure(f"{figure}: memory at the end", kib[-1] / 1024, "MiB"),
            Figure(f"{figure}: growth in that time, by the slope", slope * plan.load, "KiB", _MOST_KIB),
            Figure(f"{figure}: most less least", max(kib) - min(kib), "KiB"),
            Figure(f"{figure}: answers that were not whole", len(failed), "", 0, rough=False),
            Figure(f"{figure}: streams lost", gone, "", 0, rough=False),
        )


async def _look(at: Stage, looks: list[tuple[float, float]]) -> None:
    while True:
        looks.append((perf_counter(), at.kib))
        await asyncio.sleep(_LOOK_SECONDS)


async def _load(at: Stage, audience: Audience, seconds: float, failed: list[str]) -> None:
    """Requests at a steady rate, a change now and then, and clients who come and go."""
    begun, numbers, purges = perf_counter(), count(), 0

    async def ask(number: int) -> None:
        user_id = f"new{number}" if number % _NEW_EVERY == 0 else f"user{number % 500}"
        try:
            answer = await at.client.get(path(user_id))
        except (NoAnswer, BrokenAnswer, OSError):
            failed.append(user_id)
        else:
            if kind_of(answer, user_id) is not Kind.COMPLETE:
                failed.append(user_id)

    async with asyncio.TaskGroup() as group:
        while (passed := perf_counter() - begun) < seconds:
            for _ in range(round(_RATE * _STEP_SECONDS)):
                group.create_task(ask(next(numbers)))
            if passed >= purges * _PURGE_SECONDS:
                purges += 1
                at.rename()
                group.create_task(at.purge("user:user0"))
            group.create_task(audience.turn_over(_TURNOVER))
            await asyncio.sleep(_STEP_SECONDS)
