"""One run: the scenarios, the memory of users, what else costs, and the model beside a real run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from benchmarks.scale import check
from benchmarks.scale import plan as planning
from benchmarks.scale import prices as pricing
from benchmarks.scale.check import Point, Trial
from benchmarks.scale.inputs import COSTS, Costs, Inputs
from benchmarks.speed import run as running
from benchmarks.speed.around import around
from benchmarks.speed.capacity import memory, prices, workers
from benchmarks.speed.capacity.memory import Memory
from benchmarks.speed.capacity.workers import Yield
from benchmarks.speed.rows import Row, rows


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes:
        workers: numbers of them that are measured, ascending.
        misses: share of requests for users nobody has asked for before.
        users: numbers of users at which memory is looked at.
        sizes: of the plan, each what is assumed of so many users.
        trials: the model is held against; without any its costs are taken as they are.
        rounds: of scenarios; ``seconds``, ``connections`` and ``warm`` are as in ``speed.run.Plan``.
    """

    workers: Sequence[int]
    misses: float
    users: Sequence[int]
    sizes: Sequence[Inputs]
    trials: Sequence[Trial]
    rounds: int
    seconds: int
    connections: int
    warm: int


@dataclass(frozen=True)
class Results:
    """What came of it.

    Attributes:
        rows: of the scenarios.
        trials: what the model said and what was measured, by what the trial was.
        plans: what so many users need, with these costs.
    """

    rows: Sequence[Row]
    yields: Sequence[Yield]
    memory: Memory
    costs: Costs
    trials: dict[str, Sequence[Point]]
    plans: Sequence[planning.Plan]


async def run(plan: Plan, tell: running.Tell, say: Callable[[str], None]) -> Results:
    """Carry out ``plan``; tell of each measurement when it is over, and say what comes next.

    Raises:
        CannotRun: when a tool is missing, a server does not get ready, or its answers are wrong.
        TooMuch: no number of workers is enough for so many users.
    """
    scenarios = [one for number in plan.workers for one in workers.scenarios(number, plan.misses)]
    scenarios += prices.SCENARIOS if plan.trials else ()
    doing = running.Plan(scenarios, plan.rounds, plan.seconds, plan.connections, plan.warm)
    measured = await running.run(doing, tell)
    table = rows(scenarios, measured.measured)
    by_name = {row.scenario.name: row for row in table}
    say("memory of users")
    async with around() as bench:
        of_users = await memory.grown(bench, plan.users)
    trials: dict[str, Sequence[Point]] = {}
    for trial in plan.trials:
        say(f"the model beside a real run: {trial.says}")
        trials[trial.says] = await check.tried(trial)
    costs = replace(COSTS, memory_entry=of_users.entry)
    if plan.trials:
        say("costs of Redis")
        costs = prices.here(costs, by_name, await pricing.prices())
    say("what so many users need")
    return Results(
        rows=table,
        yields=workers.yields(plan.workers, by_name),
        memory=of_users,
        costs=costs,
        trials=trials,
        plans=[planning.plan(inputs, costs) for inputs in plan.sizes],
    )
