"""From measurements to a row of the table: medians over the rounds, ratios to the floors, and doubts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.speed.measurement import Measurement
from benchmarks.speed.scenarios import Scenario

_OTHERS_MOST: Final = 0.08
_SPREAD_MOST: Final = 0.15
_BUSY_LEAST: Final = 0.9
_CALLS_MARGIN: Final = 0.15


@dataclass(frozen=True)
class Row:
    """A scenario in figures: medians of all rounds, in the units of ``Measurement``.

    Attributes:
        scenario: what was measured.
        rates: answers a second in each round.
        errors: of all rounds together.
        others: share of the server's processors that somebody else took, in the worst round.
        of_floor: the rate as a share of the floor's; None where there is none, or it was not measured.
        of_floor_cpu: the same by CPU time for a request.
        remarks: reasons to doubt the figures.
    """

    scenario: Scenario
    rates: Sequence[float]
    rate: float
    p50: float
    p99: float
    cpu: float
    calls: float
    memory: float
    errors: int
    others: float
    of_floor: float | None
    of_floor_cpu: float | None
    remarks: Sequence[str]

    @property
    def spread(self) -> float:
        """How far the rates of the rounds lie apart, as a share of their median."""
        return spread(self.rates)


def rows(scenarios: Sequence[Scenario], measured: Mapping[str, Sequence[Measurement]]) -> Sequence[Row]:
    """A row for each scenario that was measured."""
    rates = {name: median(one.rate for one in rounds) for name, rounds in measured.items()}
    cpus = {name: median(one.cpu for one in rounds) for name, rounds in measured.items()}
    return [_row(scenario, measured[scenario.name], rates, cpus) for scenario in scenarios if scenario.name in measured]


def spread(values: Sequence[float]) -> float:
    """How far values lie apart, as a share of their median."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def _row(
    scenario: Scenario, rounds: Sequence[Measurement], rates: Mapping[str, float], cpus: Mapping[str, float]
) -> Row:
    def middle(of: Callable[[Measurement], float]) -> float:
        return median(of(one) for one in rounds)

    rate, cpu = rates[scenario.name], cpus[scenario.name]
    floors = scenario.workload.floors
    known = bool(floors) and all(rates.get(floor) for floor in floors)
    return Row(
        scenario=scenario,
        rates=[one.rate for one in rounds],
        rate=rate,
        p50=middle(lambda one: one.p50),
        p99=middle(lambda one: one.p99),
        cpu=cpu,
        calls=middle(lambda one: one.calls),
        memory=middle(lambda one: one.memory),
        errors=sum(one.errors for one in rounds),
        others=max(one.others for one in rounds),
        of_floor=rate * sum(share / rates[floor] for floor, share in floors.items()) if known else None,
        of_floor_cpu=sum(share * cpus[floor] for floor, share in floors.items()) / cpu if known and cpu else None,
        remarks=tuple(_remarks(scenario, rounds)),
    )


def _remarks(scenario: Scenario, rounds: Sequence[Measurement]) -> Iterable[str]:
    calls = median(one.calls for one in rounds)
    expected = scenario.workload.calls
    others = max(one.others for one in rounds)
    if any(one.errors for one in rounds):
        yield "ERRORS"
    if abs(calls - expected) > max(0.02, _CALLS_MARGIN * expected):
        yield f"{expected:g} calls expected"
    if any(one.shared for one in rounds):
        yield "shares a processor with the load"
    elif any(one.load_full for one in rounds):
        yield "the load could not be greater"
    elif median(one.busy for one in rounds) < (_BUSY_LEAST - others) * scenario.target.workers:
        yield "not at its limit"
    if others > _OTHERS_MOST or spread([one.rate for one in rounds]) > _SPREAD_MOST:
        yield "noisy"
