"""Who asks for what, when, of which process: sessions of users who ask for themselves, and what everybody asks for.

Sessions begin at random (Poisson), the time between two requests of one is exponential and their number geometric, so
that what is under way at any moment is known: the traffic begins as if it had lasted for ever.
"""

import heapq
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from benchmarks.scale.inputs import Inputs

_BASKETS: Final = 10_007
"""Different ones that there are; subjects in so great a distance have bought the same."""
_DRAWS: Final = 4
"""For each product; who has drawn too few different ones in these has bought the most popular."""


class Request(NamedTuple):
    """A question: its instant in seconds, the numbers of process and subject, and whether a write came just before."""

    at: float
    process: int
    subject: int
    after_write: bool


@lru_cache(maxsize=8)
def zipf(number: int, exponent: float) -> Sequence[float]:
    """How popular the first, the first two, … of ``number`` things are together; the k-th is so as 1/k^exponent."""
    return tuple(accumulate(rank**-exponent for rank in range(1, number + 1)))


def basket(inputs: Inputs, subject: int) -> Sequence[int]:
    """The products of a subject, by their numbers; always the same ones."""
    if not inputs.products:
        return range(subject * inputs.basket, (subject + 1) * inputs.basket)
    return _shared_basket(inputs.products, inputs.exponent, inputs.basket, subject % _BASKETS)


@lru_cache(maxsize=_BASKETS)
def _shared_basket(products: int, exponent: float, size: int, number: int) -> Sequence[int]:
    draw = Random(number)  # noqa: S311 - nothing here is a secret
    drawn = draw.choices(range(products), cum_weights=zipf(products, exponent), k=_DRAWS * size)
    most_popular = range(min(size, products))
    return list(dict.fromkeys([*drawn, *most_popular]))[:size]


def traffic(inputs: Inputs, processes: int, seconds: float, seed: int = 1) -> Iterator[Request]:
    """All requests of so many seconds of the busiest hour, in order."""
    draw = Random(seed)  # noqa: S311 - nothing here is a secret
    going_on = 1 - 1 / inputs.requests
    shared_rate = inputs.rate * (1 - inputs.personal)
    arrivals = inputs.session_rate + shared_rate
    popularity, catalogue = zipf(inputs.subjects, inputs.exponent), range(inputs.subjects)
    newcomer = inputs.subjects

    def place(subject: int) -> int:
        return subject if draw.random() < inputs.affinity else -1

    pending: list[tuple[float, int, int]] = []
    for _ in range(round(inputs.rate * inputs.personal * going_on * inputs.gap)):
        pending.append((draw.expovariate(1 / inputs.gap), newcomer, place(newcomer)))
        newcomer += 1
    heapq.heapify(pending)
    arrival = draw.expovariate(arrivals)
    while True:
        is_own = True
        if pending and pending[0][0] < arrival:
            now, subject, kept_on = pending[0]
        else:
            now, subject, kept_on = arrival, newcomer, -1
            arrival += draw.expovariate(arrivals)
            is_own = draw.random() * arrivals < inputs.session_rate
            if is_own:
                kept_on = place(newcomer)
                newcomer += 1
                heapq.heappush(pending, (now, subject, kept_on))
            else:
                subject = draw.choices(catalogue, cum_weights=popularity)[0]
        if now >= seconds:
            return
        if is_own:
            if draw.random() < going_on:
                heapq.heapreplace(pending, (now + draw.expovariate(1 / inputs.gap), subject, kept_on))
            else:
                heapq.heappop(pending)
        process = draw.randrange(processes) if kept_on < 0 else kept_on % processes
        yield Request(now, process, subject, is_own and draw.random() < inputs.write_share)
