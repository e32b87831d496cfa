"""One run: the system is started, put under load, and each fault has its turn: warm, fault, recovery."""

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.chaos.faults import HEALTHY, Fault
from benchmarks.chaos.load import REGULARS, Load
from benchmarks.chaos.measure import Figures, attempts, figures, time_to_recover
from benchmarks.chaos.slo import Objectives
from benchmarks.chaos.system import System
from benchmarks.common.client import Client

_PATIENCE_SECONDS: Final = 30.0


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


@dataclass(frozen=True)
class Result:
    """What became of a fault; ``broken`` names the objectives that did not hold."""

    fault: str
    figures: Figures
    broken: tuple[str, ...]


async def run(plan: Plan, tell: Callable[[Result], None]) -> Sequence[Result]:
    """Run all faults of the plan, the healthy system first, and tell of each when it is over.

    Raises:
        CannotRun: when the system does not get ready.
    """
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        async with System(Path(folder)) as system, Load([Client(system.gateway.port)], plan.rate, REGULARS) as load:
            scraper = Client(system.gateway.port)
            healthy: Figures | None = None
            for fault in (HEALTHY, *plan.faults):
                await asyncio.sleep(plan.warm if healthy else 2 * plan.warm)
                got = await _measure(fault, plan.seconds, system, load, scraper)
                healthy = healthy or got
                broken = tuple(plan.objectives[fault.name].broken(got, healthy))
                results.append(Result(fault.name, got, broken))
                tell(results[-1])
            scraper.close()
    return results


async def _measure(fault: Fault, seconds: float, system: System, load: Load, scraper: Client) -> Figures:
    loop = asyncio.get_running_loop()
    load.records.clear()
    before = await attempts(scraper)
    begun = loop.time()
    async with fault.inject(system):
        await asyncio.sleep(seconds)
    ended = loop.time()
    recover = await time_to_recover(load, ended, _PATIENCE_SECONDS)
    over = loop.time()  # clients live through the recovery too, so it is part of what is measured
    calls = await attempts(scraper) - before
    await load.answered(over)
    return figures([record for record in load.records if begun <= record.due < over], calls, recover)
