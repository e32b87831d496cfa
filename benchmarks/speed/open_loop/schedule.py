"""When who asks for whom, fixed before anything is sent.

Arrivals are a Poisson process: so come the requests of many clients who know nothing of one another. Evenly spaced ones
would never meet, and hide the queues that form where some come at once.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

from benchmarks.speed import popular


@dataclass(frozen=True)
class Schedule:
    """Requests in the order in which they are due.

    Attributes:
        due: seconds from the beginning.
        paths: what each asks for.
        new: whether nobody has asked for that before.
    """

    due: Sequence[float]
    paths: Sequence[str]
    new: Sequence[bool]


def schedule(rate: float, seconds: float, *, misses: float, first: int, seed: int) -> Schedule:
    """``rate`` requests a second on average, so great a share of them for new users, numbered after ``first``."""
    draw = Random(seed)  # noqa: S311 - nothing here is a secret
    due = array("d")
    instant = draw.expovariate(rate)
    while instant < seconds:
        due.append(instant)
        instant += draw.expovariate(rate)
    new = [draw.random() < misses for _ in due]
    numbers = count(first + 1)
    known = popular.draws(len(due), seed)
    paths = [
        f"{popular.PROFILE}{popular.NEW}{next(numbers)}" if is_new else path
        for is_new, path in zip(new, known, strict=True)
    ]
    return Schedule(due, paths, new)
