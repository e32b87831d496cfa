"""From the instants of every request to a few figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Figures:
    """What the load generator tells; all durations in seconds.

    Attributes:
        requests: that were due.
        seconds: from the first instant until the last answer.
        p50: latency, as are p99, p999 and ``most``.
        over: the 99th percentile of latency less what the services themselves took.
        lag: the 99th percentile of how late the generator itself was.
        hits: answers that came from the cache.
        unanswered: requests that were given up.
        wrong: answers that were none, or not the right one.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    p999: float
    most: float
    over: float
    lag: float
    hits: int
    unanswered: int
    wrong: int


def figures(
    latencies: Sequence[float],
    lags: Sequence[float],
    new: Sequence[bool],
    *,
    services: float,
    seconds: float,
    hits: int,
    unanswered: int,
    wrong: int,
) -> Figures:
    """Of all requests; those for ``new`` users wait ``services`` seconds for the services."""
    ordered = sorted(latencies)
    over = sorted(latency - services * is_new for latency, is_new in zip(latencies, new, strict=True))
    return Figures(
        requests=len(latencies),
        seconds=seconds,
        p50=quantile(ordered, 0.5),
        p99=quantile(ordered, 0.99),
        p999=quantile(ordered, 0.999),
        most=quantile(ordered, 1.0),
        over=quantile(over, 0.99),
        lag=quantile(sorted(lags), 0.99),
        hits=hits,
        unanswered=unanswered,
        wrong=wrong,
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The least value that so great a share does not exceed (nearest rank); 0 of nothing."""
    return ordered[max(1, ceil(share * len(ordered))) - 1] if ordered else 0.0
