"""The model against real runs: the same requests to both, and what each of them makes of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from benchmarks.scale.inputs import COSTS, Inputs, costs
from benchmarks.scale.law import Law
from benchmarks.scale.prices import PRODUCTS, PROFILES, prices
from benchmarks.scale.traffic import traffic
from benchmarks.scale.trial import found

_WARM_SECONDS: Final = 10.0
_SECONDS: Final = 20.0
_SHORT_SECONDS: Final = 6.0
_SHARES: Final = ("memory", "redis", "loads", "early")
_POINTS: Final = 0.05
_COUNTS: Final = ("user", "orders", "products", "commands", "changes")
_COUNT_RATIO: Final = 1.1
_BYTES_RATIO: Final = 1.1
_TIME_RATIO: Final = 2.5
"""Processor time is not the same on another machine, nor on one that is busy with other things."""
_IN_BYTES: Final = ("aggregate", "user", "orders", "product", "announced")
_HEAD: Final = "{:<64}    model measured   bounds"
_FAST: Final = Inputs(users=120_000, gap=3.0, subjects=400, products=300, ttl=6.0, stale=60.0, writes=0.0)
"""A life is over after six seconds, and everything else is as much faster."""


class Trial(NamedTuple):
    """So many processes with this traffic."""

    says: str
    processes: int
    inputs: Inputs


TRIALS: Final = (
    Trial("2 processes, shared products", 2, _FAST),
    Trial("3 processes, no product shared", 3, replace(_FAST, products=0)),
    Trial("4 processes, room for 300 entries each", 4, replace(_FAST, entries=300)),
    Trial("3 processes that keep their users", 3, replace(_FAST, affinity=1.0, personal=0.5)),
)


CATALOGUE: Final = Trial("2 processes, everybody asks by Zipf's law", 2, replace(_FAST, personal=0.0))
"""Not among those above, which are about users who ask for themselves."""


class Point(NamedTuple):
    """One figure, as the model has it and as it was measured, and how far apart they may be."""

    says: str
    model: float
    measured: float
    least: float
    most: float

    @property
    def holds(self) -> bool:
        """Whether the measured one is near enough."""
        return self.least <= self.measured <= self.most


async def holds(tell: Callable[[str], None], *, short: bool = False) -> bool:
    """Tell of every point, and whether all of them hold.

    Raises:
        CannotRun: something does not run, or an answer was wrong.
    """
    everything = True
    for trial in TRIALS[:1] if short else TRIALS:
        tell(_HEAD.format(f"{trial.says}; for a request:"))
        everything &= _told(tell, await tried(trial, short=short))
    if not short:
        tell(_HEAD.format("costs:"))
        everything &= _told(tell, priced(await prices()))
    tell("The model holds." if everything else "The model does NOT hold.")
    return everything


async def tried(trial: Trial, *, short: bool = False) -> Sequence[Point]:
    """The model and a real run, asked the same.

    Raises:
        CannotRun: something does not run, or an answer was wrong.
    """
    _, processes, inputs = trial
    seconds = _SHORT_SECONDS if short else _SECONDS
    measured = await found(inputs, processes, warm=_WARM_SECONDS, seconds=seconds)
    expected = Law(inputs, processes).seen_after(_WARM_SECONDS, traffic(inputs, processes, _WARM_SECONDS + seconds))
    return list(compared(expected, measured, wide=2.0 if short else 1.0))


def compared(expected: Mapping[str, float], measured: Mapping[str, float], *, wide: float = 1.0) -> Iterable[Point]:
    """What is counted, for each request; ``wide`` multiplies how far apart it may be.

    Loads take time in a real run: of two processes that want the same product at once, both ask for it.
    """
    for name in (*_SHARES, *_COUNTS):
        model, real = (counts.get(name, 0) / counts["requests"] for counts in (expected, measured))
        margin = wide * max(_POINTS, 0.0 if name in _SHARES else model * (_COUNT_RATIO - 1))
        yield Point(name, model, real, model - margin, model + margin)


def priced(measured: Mapping[str, float]) -> Iterable[Point]:
    """Costs, as far as they are measured here; and that each process is told of each change once."""
    for cost in costs():
        if cost.name in measured:
            model = getattr(COSTS, cost.name)
            ratio = _BYTES_RATIO if cost.name in _IN_BYTES else _TIME_RATIO
            yield Point(cost.metadata["says"], model, measured[cost.name], model / ratio, model * ratio)
    profile = COSTS.aggregate + COSTS.user + COSTS.orders + COSTS.product * PRODUCTS / PROFILES
    says = "bytes of Redis for a profile and its parts, all in all"
    yield Point(says, profile, measured["profile"], profile / _BYTES_RATIO, profile * _BYTES_RATIO)
    yield Point("announcements to each process for a key that has changed", 1.0, measured["heard"], 0.999, 1.001)


def _told(tell: Callable[[str], None], points: Iterable[Point]) -> bool:
    seen = list(points)
    for point in seen:
        says = f"  {'ok  ' if point.holds else 'FAIL'} {point.says:<57}"
        tell(f"{says} {point.model:8.2f} {point.measured:8.2f}   {point.least:.2f} to {point.most:.2f}")
    return all(point.holds for point in seen)
