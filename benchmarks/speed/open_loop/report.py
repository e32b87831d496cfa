"""What is said of an open loop while it runs, the table at the end, and the same as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import median
from typing import Final

import orjson

from benchmarks.common.tables import table
from benchmarks.speed.measurement import Measurement
from benchmarks.speed.open_loop.curve import Row, judged
from benchmarks.speed.open_loop.point import Point
from benchmarks.speed.open_loop.run import Plan, Results

JUDGED_SHARE: Final = 0.5
"""Of capacity: where the latency is judged."""

_COLUMNS: Final = (
    "of capacity",
    "requests/s due",
    "answered/s",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "longest ms",
    "p99 over services",
    "load late by, p99",
    "misses",
    "CPU µs/request",
    "gateway busy",
    "errors",
    "remarks",
)


def progress(round_number: int, plan: Plan, got: Measurement | Point) -> str:
    """One measurement, in one line."""
    head = f"[{round_number}/{plan.rounds}]"
    if isinstance(got, Measurement):
        errors = f", {got.errors:,} ERRORS" if got.errors else ""
        return f"{head} closed loop: {got.cpu * 1e6:,.1f} µs CPU, capacity {1 / got.cpu:,.0f} requests/s{errors}"
    told = got.figures
    errors = f", {told.wrong + told.unanswered:,} ERRORS" if told.wrong or told.unanswered else ""
    return (
        f"{head} {got.share:.0%}: {got.rate:,.0f} requests/s due, p50 {_ms(told.p50)} ms, p99 {_ms(told.p99)} ms, "
        f"load late by {_ms(told.lag)} ms{errors}"
    )


def markdown(curve: Sequence[Row], results: Results, plan: Plan, bound: float | None, machine: str) -> str:
    """The table and sentences; a ``bound`` in seconds is judged."""
    cells = table(_COLUMNS, [_cells(row) for row in curve], ("remarks",))
    return "\n".join([cells, "", *_sentences(curve, results, plan, bound, machine)])


def as_json(curve: Sequence[Row], results: Results, plan: Plan, bound: float | None, machine: str) -> bytes:
    """Everything as one document; times in seconds, shares from 0 to 1, and each round by itself."""
    document = {
        "machine": machine,
        "plan": asdict(plan),
        "capacity": capacity(results),
        "closed": [asdict(one) for one in results.closed],
        "rates": [
            {**asdict(row), "believed": row.is_believed, "measured": [asdict(one) for one in results.points[row.share]]}
            for row in curve
        ],
        "bound": bound,
        "holds": None if bound is None else judged(curve, JUDGED_SHARE, bound),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def capacity(results: Results) -> float:
    """Requests a second that fill the processor of one worker."""
    return 1 / median(one.cpu for one in results.closed)


def _cells(row: Row) -> Sequence[str]:
    return (
        f"{row.share:.0%}",
        f"{row.rate:,.0f}",
        f"{row.answered:,.0f}",
        *map(_ms, (row.p50, row.p99, row.p999, row.most, row.over, row.lag)),
        f"{row.misses:.1%}",
        f"{row.cpu * 1e6:,.0f}",
        f"{row.busy:.0%}",
        f"{row.errors:,}",
        ", ".join(row.remarks),
    )


def _sentences(curve: Sequence[Row], results: Results, plan: Plan, bound: float | None, machine: str) -> Iterable[str]:
    yield f"- Machine: {machine}."
    yield (
        f"- Capacity of one worker: {capacity(results):,.0f} requests/s at {plan.misses:.0%} misses, by "
        f"{1e6 / capacity(results):,.1f} µs of processor time for a request in the closed loop."
    )
    yield (
        f"- Run: {plan.rounds} {'round' if plan.rounds == 1 else 'rounds'}, {plan.seconds} s for each measurement, at "
        f"most {plan.connections} requests under way; medians of the rounds, the longest of all. A call to a service "
        f"takes {plan.services * 1000:g} ms."
    )
    yield verdict(curve, bound)


def verdict(curve: Sequence[Row], bound: float | None) -> str:
    """What there is to say about the latency at half of capacity."""
    half = f"{JUDGED_SHARE:.0%} of capacity"
    row = next((row for row in curve if row.share == JUDGED_SHARE), None)
    if row is None:
        return f"- Latency at {half} was not measured."
    says = f"p99 at {half} is {_ms(row.over)} ms over the services' own time"
    if bound is None:
        return f"- The {says}."
    holds = judged(curve, JUDGED_SHARE, bound)
    word = "UNKNOWN" if holds is None else "PASS" if holds else "FAIL"
    return f"- {word}: {says}; at most {bound * 1000:g} ms were wanted."


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"
