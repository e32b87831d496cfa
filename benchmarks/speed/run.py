"""One run: rounds in which every server has its turn, fresh each time, so that a bad minute spoils no single one."""

import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from benchmarks.common import redis
from benchmarks.common.client import BrokenAnswer, Client, NoAnswer
from benchmarks.common.issuer import Issuer
from benchmarks.common.ports import LOCAL, free_port
from benchmarks.common.process import CannotRun, Process
from benchmarks.speed import targets, wrk
from benchmarks.speed.cores import place
from benchmarks.speed.measurement import Bench, Measurement
from benchmarks.speed.scenarios import Scenario
from benchmarks.speed.services import Services
from benchmarks.speed.stage import Stage
from benchmarks.speed.targets import Target
from benchmarks.speed.workloads import check

_WARM_SECONDS: Final = 1
_NUMBERS: Final = 1_000_000
"""So many new users a measurement may ask for."""


@dataclass(frozen=True)
class Plan:
    """What a run does: ``seconds`` is the length of one measurement, ``connections`` are kept alive by the load."""

    scenarios: Sequence[Scenario]
    rounds: int
    seconds: int
    connections: int


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
    async with AsyncExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="speed-", ignore_cleanup_errors=True)))
        placement = place(cores, workers=1)
        os.sched_setaffinity(0, placement.load)
        ending.callback(os.sched_setaffinity, 0, cores)
        services = await ending.enter_async_context(Services())
        store = redis.redis_server(folder, placement.load)
        ending.push_async_callback(store.end)
        await store.start()
        issuer = Issuer()
        issuer.publish(folder)
        bench = Bench(services, store, issuer, placement, folder)
        numbers = itertools.count(_NUMBERS, _NUMBERS)
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
    await redis.empty(bench.redis.port)
    await bench.services.open()
    server = _server(target, bench)
    client = Client(server.port)
    try:
        begun = time.monotonic()
        await server.start()
        if target == targets.GATEWAY:
            results.starts.append(time.monotonic() - begun)
        for scenario in scenarios:
            stage = Stage(client, bench.services, next(numbers), bench.issuer)
            load = await scenario.workload.prepare(stage)
            size = await check(scenario.workload, load, stage)
            for seconds in (_WARM_SECONDS, plan.seconds):
                got = await bench.measure(
                    server, load, size=size, seconds=seconds, connections=plan.connections, first=next(numbers)
                )
                await bench.settle(server)
            results.measured.setdefault(scenario.name, []).append(got)
            tell(scenario, got)
    finally:
        client.close()
        await server.end()
        server.log.unlink(missing_ok=True)  # a line a request is much


def _server(target: Target, bench: Bench) -> Process:
    port = free_port()
    ways = {**bench.services.addresses, "REDIS_URL": f"redis://{LOCAL}:{bench.redis.port}/0", "PORT": str(port)}
    server = Process(
        target.command[-1].rpartition(".")[2],
        (sys.executable, "-m", *target.command),
        {**ways, **target.settings},
        port,
        bench.folder,
        cores=bench.placement.gateway,
    )
    server.question = f"GET {target.question} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    return server


def _numbered(tell: Tell, number: int) -> Callable[[Scenario, Measurement], None]:
    return lambda scenario, got: tell(number, scenario, got)
