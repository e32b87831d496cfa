"""What metrics, access lines and trace context cost: the gateway as it is, and the gateway without each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.speed.measurement import Measurement
from benchmarks.speed.scenarios import OBSERVED, WITHOUT


@dataclass(frozen=True)
class Cost:
    """What one thing costs a request.

    Attributes:
        what: ``metrics``, ``log`` or ``trace``.
        base: the scenario that it was taken out of.
        cpu: seconds of a processor for a request; the median over the rounds.
        least: in the round that showed least; below 0 where noise is greater than the cost.
        most: in the round that showed most.
        share: of all CPU time for a request.
    """

    what: str
    base: str
    cpu: float
    least: float
    most: float
    share: float


def costs(measured: Mapping[str, Sequence[Measurement]]) -> Sequence[Cost]:
    """The costs that have been measured."""
    found = []
    for scenario in WITHOUT:
        base, _, what = scenario.name.partition("-without-")
        whole_name = f"{base}-{OBSERVED}"
        if not what or whole_name not in measured or scenario.name not in measured:
            continue
        pairs = list(zip(measured[whole_name], measured[scenario.name], strict=True))
        differences = [with_it.cpu - without.cpu for with_it, without in pairs]
        cost, whole = median(differences), median(with_it.cpu for with_it, _ in pairs)
        found.append(Cost(what, base, cost, min(differences), max(differences), cost / whole))
    return found
