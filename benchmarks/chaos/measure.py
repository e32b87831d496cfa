"""Figures of a stretch of time: what the answers were worth, how long they took, what they cost the services."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.chaos.load import Load, Record
from benchmarks.common.client import Client
from benchmarks.common.kinds import Kind

CALM_SECONDS: Final = 0.5
"""For so long every answer must be complete for the system to have recovered."""

_AVAILABLE: Final = (Kind.COMPLETE, Kind.STALE, Kind.PARTIAL)
_LOOK_AGAIN_SECONDS: Final = 0.02
_attempts = re.compile(rb'^upstream_attempts_total\{[^}]*outcome="(?!no_budget")[^}]*\} ([0-9.e+]+)', re.MULTILINE)


@dataclass(frozen=True)
class Figures:
    """What is measured from the beginning of a fault until the system has recovered.

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


def figures(records: Sequence[Record], calls: float, recover: float | None) -> Figures:
    """Sum up at least one record; ``calls``: how many attempts at services there were in the same time."""
    total = len(records)
    times = sorted(record.seconds for record in records)
    shares = {kind: sum(record.kind is kind for record in records) / total for kind in Kind}
    return Figures(
        requests=total,
        available=sum(record.kind in _AVAILABLE for record in records) / total,
        shares=shares,
        p50=_quantile(times, 0.5),
        p99=_quantile(times, 0.99),
        slowest=times[-1],
        calls=calls / total,
        recover=recover,
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


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
