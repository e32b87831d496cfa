"""One run between hosts: everything is started, put under load, and each fault has its turn."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from benchmarks.chaos.hosts.faults import Fault
from benchmarks.chaos.hosts.network import Network
from benchmarks.chaos.hosts.stage import Stage
from benchmarks.chaos.hosts.standstill import Standstills
from benchmarks.chaos.hosts.verdict import Counted, HostFigures, HostObjectives, host_figures
from benchmarks.chaos.load import EVERYBODY, Load
from benchmarks.chaos.measure import Figures, measured
from benchmarks.chaos.result import Result

HostResult = Result[HostFigures]


@dataclass(frozen=True)
class HostPlan:
    """What a run does.

    Attributes:
        faults: what goes wrong, in this order, those of the same settings together.
        healthy: the system without a fault, for each of their settings.
        rate: requests a second.
        warm: seconds before each fault.
        objectives: what must hold, by the name of the fault.
    """

    faults: Sequence[Fault]
    healthy: Sequence[Fault]
    rate: float
    warm: float
    objectives: Mapping[str, HostObjectives]


async def run(plan: HostPlan, network: Network, tell: Callable[[HostResult], None]) -> Sequence[HostResult]:
    """Run all faults of the plan, the healthy system first, and tell of each when it is over.

    Raises:
        CannotRun: when the system does not get ready.
    """
    results: list[HostResult] = []
    for settings, faults in groupby(plan.faults, lambda fault: fault.settings):
        healthy = [fault for fault in plan.healthy if fault.settings == settings]
        results += await _staged(plan, [*healthy, *faults], network, tell)
    return results


async def _staged(
    plan: HostPlan, faults: Sequence[Fault], network: Network, tell: Callable[[HostResult], None]
) -> Sequence[HostResult]:
    results: list[HostResult] = []
    healthy: Figures | None = None
    settle = 0.0
    ways = sorted({fault.way for fault in faults if fault.way is not None})
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        async with Stage(network, Path(folder), faults[0].settings, ways) as stage, Standstills() as still:
            for fault in faults:
                async with Load(stage.clients(fault.way, fault.uses), plan.rate, EVERYBODY) as load:
                    # Where calls of the instances are at stake, a change that was undone must have been noticed.
                    await asyncio.sleep(max(plan.warm, min(settle, fault.settle)))
                    got = await _measure(fault, stage, load, still)
                settle = fault.settle
                healthy = healthy or got.common
                broken = tuple(plan.objectives[fault.name].broken(got, healthy))
                results.append(Result(fault.name, got, broken))
                tell(results[-1])
    return results


async def _measure(fault: Fault, stage: Stage, load: Load, still: Standstills) -> HostFigures:
    counted: list[Counted] = []

    async def attempted() -> float:
        return sum(stage.calls().values())

    stretch = await measured(load, _counting(fault, stage, counted.append), fault.seconds, attempted)
    return host_figures(stretch, counted[0], still)


@asynccontextmanager
async def _counting(fault: Fault, stage: Stage, tell: Callable[[Counted], None]) -> AsyncIterator[None]:
    async with fault.inject(stage):
        await asyncio.sleep(fault.settle)
        before = stage.calls()
        yield
        calls = {name: number - before[name] for name, number in stage.calls().items()}
        tell(Counted(calls, {service: tuple(members) for service, members in stage.members.items()}))
