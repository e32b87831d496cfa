"""What is said while it runs, the tables at the end, and the same as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import median
from typing import Final

import orjson

from benchmarks.common.tables import table
from benchmarks.speed.measurement import Measurement
from benchmarks.speed.observing import Cost
from benchmarks.speed.rows import Row, spread
from benchmarks.speed.run import Plan, Results
from benchmarks.speed.scenarios import WITHOUT, Scenario

_COLUMNS: Final = (
    "scenario",
    "requests/s",
    "spread",
    "p50 ms",
    "p99 ms",
    "CPU µs/request",
    "calls/request",
    "memory MiB",
    "of floor",
    "of floor, by CPU",
    "errors",
    "remarks",
)
_COST_COLUMNS: Final = ("what", "of", "CPU µs/request", "in the rounds", "share")
_TEXTS: Final = ("remarks", "of")
_WHAT: Final = {"metrics": "metrics", "log": "access lines", "trace": "new request and trace ids"}


def progress(round_number: int, rounds: int, scenario: Scenario, got: Measurement) -> str:
    """One measurement, in one line."""
    return (
        f"[{round_number}/{rounds}] {scenario.name}: {got.rate:,.0f} requests/s, {got.cpu * 1e6:,.1f} µs CPU, "
        f"p99 {got.p99 * 1000:.1f} ms" + (f", {got.errors:,} ERRORS" if got.errors else "")
    )


def markdown(rows: Sequence[Row], costs: Sequence[Cost], results: Results, plan: Plan, machine: str) -> str:
    """Everything, as tables and sentences."""
    shown = [row for row in rows if row.scenario not in WITHOUT]
    parts = [table(_COLUMNS, [_cells(row) for row in shown], _TEXTS)] if shown else []
    if costs:
        parts.append(table(_COST_COLUMNS, [_cost_cells(cost) for cost in costs], _TEXTS))
    if shown:
        parts.append("\n".join(f"- `{row.scenario.name}`: {row.scenario.says}" for row in shown))
    parts.append("\n".join(_sentences(rows, results, plan, machine)))
    return "\n\n".join(parts) + "\n"


def as_json(rows: Sequence[Row], costs: Sequence[Cost], results: Results, plan: Plan, machine: str) -> bytes:
    """Everything as one document; times in seconds, shares from 0 to 1, and each round by itself."""
    document = {
        "machine": machine,
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "connections": plan.connections,
        "start": results.starts,
        "scenarios": [
            {
                **{name: value for name, value in asdict(row).items() if name != "scenario"},
                "name": row.scenario.name,
                "says": row.scenario.says,
                "measured": [asdict(one) for one in results.measured[row.scenario.name]],
            }
            for row in rows
        ],
        "observing": [asdict(cost) for cost in costs],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def _cells(row: Row) -> Sequence[str]:
    return (
        f"`{row.scenario.name}`",
        f"{row.rate:,.0f}",
        f"{row.spread:.0%}",
        f"{row.p50 * 1000:.2f}",
        f"{row.p99 * 1000:.2f}",
        f"{row.cpu * 1e6:,.0f}",
        f"{row.calls:.2f}",
        f"{row.memory:.0f}",
        "-" if row.of_floor is None else f"{row.of_floor:.0%}",
        "-" if row.of_floor_cpu is None else f"{row.of_floor_cpu:.0%}",
        f"{row.errors:,}",
        ", ".join(row.remarks),
    )


def _cost_cells(cost: Cost) -> Sequence[str]:
    return (
        _WHAT[cost.what],
        f"`{cost.base}`",
        f"{cost.cpu * 1e6:.1f}",
        f"{cost.least * 1e6:.1f} to {cost.most * 1e6:.1f}",
        f"{cost.share:.1%}",
    )


def _sentences(rows: Sequence[Row], results: Results, plan: Plan, machine: str) -> Iterable[str]:
    yield f"Machine: {machine}."
    yield (
        f"Run: {plan.rounds} {'round' if plan.rounds == 1 else 'rounds'}, {plan.seconds} s for each measurement, "
        f"{plan.connections} connections; medians of the rounds."
    )
    others = [row.others for row in rows]
    yield (
        f"Noise: somebody else took {median(others):.0%} of the server's processor in the worst round of the median "
        f"scenario, {max(others):.0%} at most; the rounds lie {median(row.spread for row in rows):.0%} apart in the "
        f"median scenario, {max(row.spread for row in rows):.0%} at most."
    )
    if results.starts:
        yield (
            f"Start: {median(results.starts):.2f} s from the start of the gateway's process to its first answer "
            f"(spread {spread(results.starts):.0%})."
        )
