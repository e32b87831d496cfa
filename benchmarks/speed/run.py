"""One run: rounds in which every server has its turn, fresh each time, so that a bad minute spoils no single one."""

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from benchmarks.common.client import BrokenAnswer, Client, NoAnswer
from benchmarks.common.process import CannotRun
from benchmarks.speed import targets, wrk
from benchmarks.speed.around import around, served
from benchmarks.speed.cores import place
from benchmarks.speed.measurement import Bench, Measurement
from benchmarks.speed.scenarios import Scenario
from benchmarks.speed.stage import Stage
from benchmarks.speed.targets import Target
from benchmarks.speed.workloads import check

NUMBERS: Final = 1_000_000
"""So many new users a measurement may ask for."""


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes:
        seconds: length of one measurement.
        connections: kept alive by the load.
        warm: seconds of load before a measurement.
    """

    scenarios: Sequence[Scenario]
    rounds: int
    seconds: int
    connections: int
    warm: int = 1


@dataclass(frozen=True)
class Results:
    """What came of it, round by round.

    Attributes:
        measured: by the name of the scenario.
        starts: seconds from the start of the gateway's process to its first answer.
    """

    measured: dict[str, list[Measurement]] = field(default_factory=dict)
    starts: list[float] = field(default_factory=list)


Tell = Callable[[int, Scenario, Measurement], None]
"""Takes the number of the round, from 1, and what has been measured."""


async def run(plan: Plan, tell: Tell) -> Results:
    """Carry out ``plan``, and tell of each measurement when it is over.

    Raises:
        CannotRun: when a tool is missing, a server does not get ready, or its answers are wrong.
    """
    wrk.program()
    cores = os.sched_getaffinity(0)
    results = Results()
    async with around() as bench:
        numbers = itertools.count(NUMBERS, NUMBERS)
        for number in range(1, plan.rounds + 1):
            for target, scenarios in itertools.groupby(plan.scenarios, key=lambda scenario: scenario.target):
                placed = replace(bench, placement=place(cores, target.workers))
                try:
                    await _turn(target, scenarios, placed, plan, numbers, results=results, tell=_numbered(tell, number))
                except (NoAnswer, BrokenAnswer, OSError) as error:
                    raise CannotRun(f"{target.command[0]} leaves clients without an answer: {error!r}") from error
    return results


async def _turn(
    target: Target,
    scenarios: Iterable[Scenario],
    bench: Bench,
    plan: Plan,
    numbers: Iterator[int],
    *,
    results: Results,
    tell: Callable[[Scenario, Measurement], None],
) -> None:
    begun = time.monotonic()
    async with served(target, bench) as server, Client(server.port) as client:
        if target == targets.GATEWAY:
            results.starts.append(time.monotonic() - begun)
        for scenario in scenarios:
            stage = Stage(client, bench.services, next(numbers), bench.issuer)
            load = await scenario.workload.prepare(stage)
            size = await check(scenario.workload, load, stage)
            for seconds in filter(None, (plan.warm, plan.seconds)):
                connections = load.connections or plan.connections
                got = await bench.measure(
                    server, load, size=size, seconds=seconds, connections=connections, first=next(numbers)
                )
                await bench.settle(server)
            results.measured.setdefault(scenario.name, []).append(got)
            tell(scenario, got)


def _numbered(tell: Tell, number: int) -> Callable[[Scenario, Measurement], None]:
    return lambda scenario, got: tell(number, scenario, got)
