"""The tables of a capacity report, and the same as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Final

import orjson

from benchmarks.common.tables import table
from benchmarks.scale import report as scale
from benchmarks.scale.check import Point
from benchmarks.speed.capacity.memory import ENTRIES, Memory
from benchmarks.speed.capacity.prices import differing
from benchmarks.speed.capacity.run import Plan, Results
from benchmarks.speed.capacity.workers import Yield

_KIB: Final = 1024
_MIB: Final = 2**20
_HITS: Final = ("memory", "redis")
_CALLS: Final = ("user", "orders", "products")


def markdown(results: Results, plan: Plan, machine: str) -> str:
    """Everything, as tables and sentences."""
    parts = [
        _yields(results.yields, plan),
        _memory(results.memory),
        *(_trial(says, points) for says, points in results.trials.items()),
        scale.figures(results.plans),
        _costs(results),
        scale.assumed(plan.sizes[-1]),
        "\n".join(_sentences(results, plan, machine)),
    ]
    return "\n\n".join(parts) + "\n"


def as_json(results: Results, plan: Plan, machine: str) -> bytes:
    """Everything as one document; times in seconds unless a cost says otherwise, shares from 0 to 1."""
    document = {
        "machine": machine,
        "workers": [asdict(one) for one in results.yields],
        "memory": asdict(results.memory),
        "costs": asdict(results.costs),
        "trials": {says: [point._asdict() | {"holds": point.holds} for point in points]
                   for says, points in results.trials.items()},
        "plans": [
            {
                "users": one.inputs.users,
                "rate": one.inputs.rate,
                "hit_ratio": one.shares["memory"] + one.shares["redis"],
                "workers": one.processes,
                "hosts": one.hosts,
                "commands": one.commands,
                "redis_bytes": one.redis_bytes,
                "calls": {name: one.rate(name) for name in _CALLS},
            }
            for one in results.plans
        ],
        "assumed": asdict(plan.sizes[-1]),
    }  # fmt: skip
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def compared(points: Sequence[Point]) -> Sequence[tuple[str, float, float]]:
    """What is shown of a trial: of hits, loads and calls for a request, what the model says and what was measured."""
    found = {point.says: (point.model, point.measured) for point in points}
    hits = [sum(found[name][side] for name in _HITS) for side in range(2)]
    shown = (*_HITS, "loads", "early", *_CALLS)
    return [("hit ratio", hits[0], hits[1]), *((name, *found[name]) for name in shown)]


def _yields(yields: Sequence[Yield], plan: Plan) -> str:
    mixed = f"µs/request, {plan.misses:.0%} misses"
    columns = ("workers", "µs/request, hits", mixed, "requests/s by that", "each further worker adds", "remarks")
    lines = [
        (
            str(one.workers),
            f"{one.hit * 1e6:.1f}",
            f"{one.mixed * 1e6:.1f}",
            f"{one.rate:,.0f}",
            f"{one.added:,.0f}",
            ", ".join(one.remarks),
        )
        for one in yields
    ]
    return table(columns, lines, ("remarks",))


def _memory(memory: Memory) -> str:
    lines = [(f"{users:,}", f"{mib:.0f}") for users, mib in memory.measured]
    each = (
        f"A user in the cache takes {memory.user / _KIB:.1f} KiB of a worker, {memory.entry:,.0f} bytes for each of "
        f"{ENTRIES} entries; without any it takes {memory.base / _MIB:.0f} MiB."
    )
    return f"{table(('users in the cache', 'MiB of the gateway'), lines)}\n\n{each}"


def _trial(says: str, points: Sequence[Point]) -> str:
    lines = [
        (name, f"{model:.3f}", f"{measured:.3f}", f"{measured - model:+.3f}")
        for name, model, measured in compared(points)
    ]
    return table((f"{says}; for a request", "simulated", "measured", "difference"), lines)


def _costs(results: Results) -> str:
    lines = [(says, _rounded(model), _rounded(found)) for _, says, model, found in differing(results.costs)]
    return table(("cost", "in the model", "here"), lines)


def _sentences(results: Results, plan: Plan, machine: str) -> Iterable[str]:
    yield f"- Machine: {machine}."
    yield (
        f"- Run: {plan.rounds} {'round' if plan.rounds == 1 else 'rounds'}, {plan.seconds} s for each measurement, "
        f"{plan.connections} connections; medians of the rounds."
    )
    if not results.trials:
        yield "- The model was not held against a real run, and its costs are taken as they are."
    elif holds(results):
        yield "- The model holds."
    else:
        yield "- The model does NOT hold."


def _rounded(number: float) -> str:
    return f"{float(f'{number:.3g}'):,g}"


def holds(results: Results) -> bool:
    """Whether everything that was measured is near what the model says."""
    return all(point.holds for points in results.trials.values() for point in points)
