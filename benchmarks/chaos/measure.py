"""Figures of a stretch of time: what the answers were worth, how long they took, what they cost the services."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from benchmarks.chaos.load import Load, Record
from benchmarks.common.client import Client
from benchmarks.common.kinds import Kind

CALM_SECONDS: Final = 0.5
"""For so long every answer must be complete for the system to have recovered."""

_AVAILABLE: Final = (Kind.COMPLETE, Kind.STALE, Kind.PARTIAL)
_LOOK_AGAIN_SECONDS: Final = 0.02
_PATIENCE_SECONDS: Final = 30.0
_attempts = re.compile(rb'^upstream_attempts_total\{[^}]*outcome="(?!no_budget")[^}]*\} ([0-9.e+]+)', re.MULTILINE)


@dataclass(frozen=True)
class Stretch:
    """The time from the beginning of a fault until the system has recovered.

    Attributes:
        records: what was due in it.
        begun, over: its ends, by the loop's clock.
        calls: how many attempts at services there were in it.
        recover: seconds from the end of the fault until all was well; None when it did not become so.
    """

    records: Sequence[Record]
    begun: float
    over: float
    calls: float
    recover: float | None


@dataclass(frozen=True)
class Figures:
    """What a stretch comes to.

    Attributes:
        requests: how many were due.
        available: share of answers with status 200.
        shares: share of each kind of answer.
        p50: seconds, as are p99 and slowest.
        calls: attempts at services for each request of a client.
        recover: seconds from the end of the fault until all was well; None when it did not become so.
    """

    requests: int
    available: float
    shares: dict[Kind, float]
    p50: float
    p99: float
    slowest: float
    calls: float
    recover: float | None


async def measured(
    load: Load,
    fault: AbstractAsyncContextManager[None],
    seconds: float,
    attempted: Callable[[], Awaitable[float]],
) -> Stretch:
    """Let there be a fault for so long, and wait for the recovery; ``attempted`` gives all attempts so far."""
    loop = asyncio.get_running_loop()
    load.records.clear()
    before = await attempted()
    begun = loop.time()
    async with fault:
        await asyncio.sleep(seconds)
    ended = loop.time()
    recover = await time_to_recover(load, ended, _PATIENCE_SECONDS)
    over = loop.time()  # clients live through the recovery too, so it is part of what is measured
    calls = await attempted() - before
    await load.answered(over)
    return Stretch([record for record in load.records if begun <= record.due < over], begun, over, calls, recover)


def figures(stretch: Stretch) -> Figures:
    """Sum up a stretch with at least one record."""
    records = stretch.records
    total = len(records)
    times = sorted(record.seconds for record in records)
    shares = {kind: sum(record.kind is kind for record in records) / total for kind in Kind}
    return Figures(
        requests=total,
        available=sum(record.kind in _AVAILABLE for record in records) / total,
        shares=shares,
        p50=quantile(times, 0.5),
        p99=quantile(times, 0.99),
        slowest=times[-1],
        calls=stretch.calls / total,
        recover=stretch.recover,
    )


async def attempts(client: Client) -> float:
    """How many attempts at services the gateway has made so far, all workers together."""
    answer = await client.get("/metrics")
    return sum(float(number) for number in _attempts.findall(answer.body))


async def time_to_recover(load: Load, ended: float, patience: float) -> float | None:
    """Seconds from ``ended`` until every answer of half a second is complete; None when ``patience`` ends first."""
    loop = asyncio.get_running_loop()
    while loop.time() < ended + patience:
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        bad = (record.due for record in load.records if record.due >= ended and record.kind is not Kind.COMPLETE)
        calm_since = max(bad, default=ended)
        if load.first_pending() > calm_since + CALM_SECONDS:
            return calm_since - ended
    return None


def quantile(ordered: Sequence[float], share: float) -> float:
    """That below which this ``share`` of them is; there is at least one."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
