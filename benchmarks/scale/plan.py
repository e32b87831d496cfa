"""From the traffic of so many users to processes, Redis, calls, announcements and streams in the busiest hour."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil, exp
from typing import Final

from benchmarks.scale.inputs import COSTS, Costs, Inputs
from benchmarks.scale.law import GRACE_SECONDS, STAMPS, Law
from benchmarks.scale.traffic import traffic, zipf

_MOST_RATE: Final = 350.0
"""Of more requests a second a sample is simulated, with catalogues and memories that are smaller by the same factor."""
_WARM_LIVES: Final = 1.5
_SECONDS: Final = 30.0
_REQUESTS: Final = 20_000
"""So many at least are counted, for so long at least, and for whole lives: what began together ends together."""
_LEAST: Final = 2
"""Processes, so that one may fail."""
_HEARTBEAT: Final = 6
"""Commands of a process in a second in which nobody asks for anything."""
_MICRO: Final = 1e-6
_STEP: Final = 1.05


class TooMuch(ValueError):
    """Being told of changes alone is more than a process may do, so that no number of them is enough."""


Shares = Mapping[str, float]
"""How often each thing happens for one request, under the names of ``Law.seen``.

``aggregates`` are those that stand in Redis, for each request a second.
"""


@dataclass(frozen=True)
class Plan:
    """What so many users need; rates are those of a second in the busiest hour."""

    inputs: Inputs
    shares: Shares
    processes: int
    costs: Costs = COSTS

    def rate(self, share: str) -> float:
        """How often a second what has this name in ``shares`` happens."""
        return self.inputs.rate * self.shares[share]

    @property
    def hosts(self) -> int:
        """One more than the processes need, so that one may fail."""
        return ceil(self.processes / self.inputs.per_host) + 1

    @property
    def busy(self) -> float:
        """Share of its processor that a process uses."""
        costs = self.costs
        answering = self.rate("memory") * costs.hit + self.rate("redis") * (costs.hit + costs.look)
        loading = (self.rate("loads") + self.rate("early")) * costs.reload + self.rate("products") * costs.batch
        return (answering + loading) * _MICRO / self.processes + self.hearing

    @property
    def calls(self) -> float:
        """Calls to all services."""
        return self.rate("user") + self.rate("orders") + self.rate("products")

    @property
    def commands(self) -> float:
        """Commands that Redis is sent."""
        return self.rate("commands") + _HEARTBEAT * self.processes

    @property
    def announced(self) -> float:
        """Keys of which each process is told: what others have changed, and what has expired."""
        return self.rate("changes") * (self.processes - 1) / self.processes + self.rate("expired")

    @property
    def hearing(self) -> float:
        """Share of its processor that each process spends on being told."""
        return self.announced * self.costs.announcement * _MICRO

    @property
    def told_bytes(self) -> float:
        """Bytes that Redis sends to tell all processes."""
        return self.announced * self.processes * self.costs.announced

    @property
    def redis_busy(self) -> float:
        """Share of its processor that a single Redis uses."""
        costs = self.costs
        return (self.commands * costs.command + self.announced * self.processes * costs.telling) * _MICRO

    @property
    def redis_bytes(self) -> float:
        """Memory that the entries take in Redis."""
        costs, inputs, kept = self.costs, self.inputs, self.inputs.stale + GRACE_SECONDS
        subjects = min(inputs.users, inputs.session_rate * (kept + (inputs.requests - 1) * inputs.gap))
        subjects += _asked_within(kept, inputs.subjects, inputs.exponent, inputs.rate * (1 - inputs.personal))
        products = subjects * inputs.basket
        if inputs.products:
            asked = (self.rate("loads") + self.rate("early")) * inputs.basket
            products = _asked_within(kept, inputs.products, inputs.exponent, asked)
        of_subjects = subjects * (costs.user + costs.orders) + self.rate("aggregates") * costs.aggregate
        return of_subjects + products * costs.product

    @property
    def streams(self) -> float:
        """Open at a time, if sessions keep one open; there are none yet."""
        return self.inputs.session_rate * (self.inputs.requests - 1) * self.inputs.gap * self.inputs.live

    @property
    def stream_loads(self) -> float:
        """Further loads, if each stream has its profile loaded once in a life."""
        return self.streams / self.inputs.ttl


def plan(inputs: Inputs, costs: Costs = COSTS) -> Plan:
    """The least number of processes that are not busier than they may be, and what they do.

    Raises:
        TooMuch: there is none.
    """
    made = Plan(inputs, simulated(inputs, _LEAST), _LEAST, costs)
    while made.busy > inputs.load:
        processes = _least(made)
        made = Plan(inputs, simulated(inputs, processes), processes, costs)
    return made


def most_users(start: Plan, figure: Callable[[Plan], float], bound: float) -> int:
    """With how many users ``figure`` reaches ``bound``, if what becomes of a request stays as it is in ``start``."""
    last = start
    while figure(last) < bound:
        grown = replace(last, inputs=replace(last.inputs, users=round(last.inputs.users * _STEP)))
        try:
            last = replace(grown, processes=_least(grown))
        except TooMuch:
            break
    return last.inputs.users


def simulated(inputs: Inputs, processes: int) -> Shares:
    """What becomes of the requests of so many users at so many processes."""
    sample = _sample(inputs)
    law = Law(sample, processes, stamps=max(1, round(STAMPS * sample.rate / inputs.rate)))
    warm = _WARM_LIVES * inputs.ttl
    lives = ceil(max(_SECONDS, _REQUESTS / sample.rate) / inputs.ttl)
    seen = law.seen_after(warm, traffic(sample, processes, warm + lives * inputs.ttl))
    shares: dict[str, float] = defaultdict(float)
    shares |= {name: number / seen["requests"] for name, number in seen.items()}
    return shares | {"aggregates": law.aggregates() / sample.rate}


def _least(of: Plan) -> int:
    """How many processes are needed for these shares, and no fewer than there are."""
    more = of
    while more.busy > of.inputs.load:
        if more.hearing >= of.inputs.load:
            raise TooMuch
        more = replace(more, processes=more.processes + 1)
    return more.processes


def _sample(inputs: Inputs) -> Inputs:
    # Waldspurger et al., Cache Modeling and Optimization using Miniature Simulations (USENIX ATC 2017).
    factor = max(1.0, inputs.rate / _MOST_RATE)
    return replace(
        inputs,
        peak=inputs.peak / factor,
        subjects=max(1, round(inputs.subjects / factor)),
        products=inputs.products and max(inputs.basket, round(inputs.products / factor)),
        entries=max(1, round(inputs.entries / factor)),
        memory_mb=inputs.memory_mb / factor,
    )


def _asked_within(seconds: float, number: int, exponent: float, rate: float) -> float:
    """How many of ``number`` things are asked for within so many seconds."""
    popularity = zipf(number, exponent)
    shares = (until - before for before, until in zip((0.0, *popularity), popularity, strict=False))
    return sum(1 - exp(-seconds * rate * share / popularity[-1]) for share in shares)
