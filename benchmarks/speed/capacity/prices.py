"""The model's costs as they are on this machine."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from benchmarks.scale.inputs import COSTS, Costs, costs
from benchmarks.speed import targets, workloads
from benchmarks.speed.rows import Row
from benchmarks.speed.scenarios import Scenario

_MICRO: Final = 1e6

SCENARIOS: Final = (
    Scenario("cold-shared", "first time; the products are known", targets.GATEWAY, workloads.COLD_SHARED),
    Scenario("cold", "first time, nothing is known", targets.GATEWAY, workloads.COLD),
    Scenario("hit-proxied", "1,000 users with tokens, by way of a proxy", targets.GUARDED, workloads.PROXIED),
)
"""Those that the costs of a process come from."""


def here(start: Costs, rows: Mapping[str, Row], priced: Mapping[str, float]) -> Costs:
    """Costs by the rows of these scenarios, and ``priced`` ones by their names in ``Costs``; others as they were."""
    known = {cost.name for cost in costs()}
    load = rows["cold-shared"].cpu * _MICRO
    return replace(
        start,
        hit=rows["hit-proxied"].cpu * _MICRO,
        reload=load,
        batch=max(0.0, rows["cold"].cpu * _MICRO - load),
        **{name: max(0.0, value) for name, value in priced.items() if name in known},
    )


def differing(found: Costs) -> Sequence[tuple[str, str, float, float]]:
    """Each cost: its name, what it is, what the model has for it, and what was found here."""
    return [
        (cost.name, cost.metadata["says"], getattr(COSTS, cost.name), getattr(found, cost.name)) for cost in costs()
    ]
