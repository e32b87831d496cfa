"""One run: the system is started, put under load, and each fault has its turn: warm, fault, recovery."""

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.chaos.faults import HEALTHY, Fault
from benchmarks.chaos.load import REGULARS, Load
from benchmarks.chaos.measure import Figures, attempts, figures, measured
from benchmarks.chaos.result import Result
from benchmarks.chaos.slo import Objectives
from benchmarks.chaos.system import System
from benchmarks.common.client import Client


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes:
        faults: what goes wrong, in this order.
        rate: requests a second.
        warm: seconds before each fault.
        seconds: how long each fault lasts.
        objectives: what must hold, by the name of the fault.
    """

    faults: Sequence[Fault]
    rate: float
    warm: float
    seconds: float
    objectives: Mapping[str, Objectives]


async def run(plan: Plan, tell: Callable[[Result[Figures]], None]) -> Sequence[Result[Figures]]:
    """Run all faults of the plan, the healthy system first, and tell of each when it is over.

    Raises:
        CannotRun: when the system does not get ready.
    """
    results: list[Result[Figures]] = []
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        async with System(Path(folder)) as system, Load([Client(system.gateway.port)], plan.rate, REGULARS) as load:
            scraper = Client(system.gateway.port)
            healthy: Figures | None = None
            for fault in (HEALTHY, *plan.faults):
                await asyncio.sleep(plan.warm if healthy else 2 * plan.warm)
                got = figures(await measured(load, fault.inject(system), plan.seconds, partial(attempts, scraper)))
                healthy = healthy or got
                broken = tuple(plan.objectives[fault.name].broken(got, healthy))
                results.append(Result(fault.name, got, broken))
                tell(results[-1])
            scraper.close()
    return results
