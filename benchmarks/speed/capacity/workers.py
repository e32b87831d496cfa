"""What one worker gives, and each further one adds: by processor time, for they share the machine with the load."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.speed import targets, workloads
from benchmarks.speed.rows import Row
from benchmarks.speed.scenarios import Scenario

_HIT: Final = "hit-zipf"
_MIXED: Final = "mixed"


@dataclass(frozen=True)
class Yield:
    """What so many workers give.

    Attributes:
        hit: seconds of a processor for a request from the cache.
        mixed: the same for a request of which some are misses.
        rate: requests a second, mixed, if each worker has a processor.
        added: by each worker more than in the yield before.
    """

    workers: int
    hit: float
    mixed: float
    rate: float
    added: float
    remarks: Sequence[str]


def scenarios(workers: int, misses: float) -> Sequence[Scenario]:
    """What so many workers are measured with."""
    target = targets.workers(workers)
    return (
        Scenario(f"{_HIT}-{workers}", "all in the cache", target, workloads.HIT_MANY),
        Scenario(f"{_MIXED}-{workers}", "and some misses", target, workloads.mixed(misses)),
    )


def yields(numbers: Sequence[int], rows: Mapping[str, Row]) -> Sequence[Yield]:
    """What each of these numbers of workers gives, in order; ``rows`` by the names of their scenarios."""
    made: list[Yield] = []
    for number in numbers:
        hit, mixed = rows[f"{_HIT}-{number}"], rows[f"{_MIXED}-{number}"]
        rate = number / mixed.cpu
        before, fewer = (made[-1].rate, made[-1].workers) if made else (0.0, 0)
        remarks = tuple(dict.fromkeys((*hit.remarks, *mixed.remarks)))
        made.append(Yield(number, hit.cpu, mixed.cpu, rate, (rate - before) / (number - fewer), remarks))
    return made
