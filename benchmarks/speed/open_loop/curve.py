"""From points to a row for each share of capacity: medians over the rounds, and reasons not to believe them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.speed.open_loop.point import Point

_LAG_SHARE: Final = 0.1
_LAG_LEAST: Final = 0.0005
_OTHERS_MOST: Final = 0.08
_ANSWERED_LEAST: Final = 0.97

LATE: Final = "the load was late"
NOISY: Final = "noisy"


@dataclass(frozen=True)
class Row:
    """A rate in figures: medians of all rounds, durations in seconds.

    Attributes:
        share: of capacity.
        rate: requests a second that were due.
        answered: answers a second.
        over: p99 of latency less what the services took.
        lag: p99 of how late the load generator was.
        misses: share of answers that did not come from the cache.
        errors: wrong or missing answers, of all rounds together.
        remarks: reasons to doubt the figures.
    """

    share: float
    rate: float
    answered: float
    p50: float
    p99: float
    p999: float
    most: float
    over: float
    lag: float
    misses: float
    cpu: float
    busy: float
    errors: int
    remarks: Sequence[str]

    @property
    def is_believed(self) -> bool:
        """Whether the load generator did what it should have done."""
        return LATE not in self.remarks


def rows(points: Mapping[float, Sequence[Point]]) -> Sequence[Row]:
    """A row for each share, in order."""
    return [_row(share, points[share]) for share in sorted(points)]


def judged(curve: Sequence[Row], share: float, most: float) -> bool | None:
    """Whether the p99 at that share is at most so many seconds over the services' own time.

    None when nobody knows: it was not measured, the load was late, or it is more, and others took the processor.
    """
    row = next((row for row in curve if row.share == share), None)
    if row is None or not row.is_believed:
        return None
    if row.over <= most:
        return not row.errors
    return None if NOISY in row.remarks else False


def _row(share: float, rounds: Sequence[Point]) -> Row:
    def middle(of: Callable[[Point], float]) -> float:
        return median(map(of, rounds))

    return Row(
        share=share,
        rate=middle(lambda one: one.rate),
        answered=middle(lambda one: one.answered),
        p50=middle(lambda one: one.figures.p50),
        p99=middle(lambda one: one.figures.p99),
        p999=middle(lambda one: one.figures.p999),
        most=max(one.figures.most for one in rounds),
        over=middle(lambda one: one.figures.over),
        lag=middle(lambda one: one.figures.lag),
        misses=middle(lambda one: 1 - one.figures.hits / max(1, one.figures.requests)),
        cpu=middle(lambda one: one.cpu),
        busy=middle(lambda one: one.busy),
        errors=sum(one.figures.wrong + one.figures.unanswered for one in rounds),
        remarks=tuple(_remarks(rounds)),
    )


def _remarks(rounds: Sequence[Point]) -> Iterable[str]:
    lag, p99 = median(one.figures.lag for one in rounds), median(one.figures.p99 for one in rounds)
    if any(one.figures.wrong or one.figures.unanswered for one in rounds):
        yield "ERRORS"
    if lag > max(_LAG_LEAST, _LAG_SHARE * p99):
        yield LATE
    if median(one.answered / one.rate for one in rounds if one.rate) < _ANSWERED_LEAST:
        yield "falls behind"
    if max(one.others for one in rounds) > _OTHERS_MOST:
        yield NOISY
