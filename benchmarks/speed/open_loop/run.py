"""One run: what the gateway can do at most, then its latency at shares of that; all of it once a round."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.common.client import BrokenAnswer, Client, NoAnswer
from benchmarks.common.process import CannotRun, Process
from benchmarks.speed import popular, targets, wrk
from benchmarks.speed.around import around, served
from benchmarks.speed.measurement import Bench, Measurement
from benchmarks.speed.open_loop.generator import Offer
from benchmarks.speed.open_loop.point import Point, offered
from benchmarks.speed.run import NUMBERS
from benchmarks.speed.stage import Stage
from benchmarks.speed.workloads import HIT_MANY, check, mixed
from benchmarks.speed.wrk import Load

_CLOSED_CONNECTIONS: Final = 32
_SERVICES: Final = ("users", "orders", "products")


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes:
        shares: of capacity, that are offered one after the other.
        misses: share of requests for users nobody has asked for before.
        services: seconds that each call to a service takes.
        seconds: length of one measurement.
        connections: kept alive by the open loop.
        warm: seconds of load before the first measurement.
        seed: of arrivals, and of who is asked for.
    """

    shares: Sequence[float]
    misses: float
    services: float
    rounds: int
    seconds: int
    connections: int
    warm: int
    seed: int


@dataclass(frozen=True)
class Results:
    """What came of it, round by round.

    Attributes:
        closed: the closed loop, whose processor time for a request is the measure of capacity.
        points: by their share of capacity.
    """

    closed: list[Measurement] = field(default_factory=list)
    points: dict[float, list[Point]] = field(default_factory=dict)


Tell = Callable[[int, Measurement | Point], None]
"""Takes the number of the round, from 1, and what has been measured."""


async def run(plan: Plan, tell: Tell) -> Results:
    """Carry out ``plan``, and tell of each measurement when it is over.

    Raises:
        CannotRun: when a tool is missing, the gateway does not get ready, or its answers are wrong.
    """
    wrk.program()
    results = Results()
    firsts = itertools.count(NUMBERS, NUMBERS)
    async with around() as bench:
        for number in range(1, plan.rounds + 1):
            try:
                async with served(targets.PATIENT, bench) as server:
                    closed = await _closed(bench, server, plan, firsts)
                    results.closed.append(closed)
                    tell(number, closed)
                    for share in plan.shares:
                        point = await offered(bench, server, share, _offer(server, plan, share / closed.cpu, firsts))
                        await bench.settle(server)
                        results.points.setdefault(share, []).append(point)
                        tell(number, point)
            except (NoAnswer, BrokenAnswer, OSError) as error:
                raise CannotRun(f"The gateway leaves clients without an answer: {error!r}") from error
    return results


async def _closed(bench: Bench, server: Process, plan: Plan, firsts: "itertools.count[int]") -> Measurement:
    _delay(bench, 0.0)
    async with Client(server.port) as client:
        stage = Stage(client, bench.services, next(firsts), bench.issuer)
        load = await mixed(plan.misses).prepare(stage)
        size = await check(HIT_MANY, Load(popular.paths()), stage)
    _delay(bench, plan.services)
    for seconds in filter(None, (plan.warm, plan.seconds)):
        got = await bench.measure(
            server, load, size=size, seconds=seconds, connections=_CLOSED_CONNECTIONS, first=next(firsts)
        )
        await bench.settle(server)
    return got


def _delay(bench: Bench, seconds: float) -> None:
    for name in _SERVICES:
        bench.services[name].delay = seconds


def _offer(server: Process, plan: Plan, rate: float, firsts: "itertools.count[int]") -> Offer:
    first = next(firsts)
    return Offer(
        port=server.port,
        rate=rate,
        seconds=plan.seconds,
        misses=plan.misses,
        first=first,
        seed=plan.seed + first,
        connections=plan.connections,
        services=plan.services,
    )
