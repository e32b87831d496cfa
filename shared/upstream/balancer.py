"""Which instance of a service is asked: the better of two that are drawn at random. Pure.

Two choices (Mitzenmacher, *The Power of Two Choices in Randomized Load Balancing*) by peak EWMA of the latency and by
calls in flight. An instance that keeps failing is ejected for a while, but never so many that the others could not bear
it; when fewer than half are left, all are asked again (Envoy's panic threshold). New and returning ones fade in.
"""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Final, Literal

from shared.deadline import Clock
from shared.upstream.breaker import Outcome
from shared.upstream.endpoint import Endpoint

FADE_IN_SECONDS: Final = 5.0
_LEVEL_SECONDS: Final = 0.002
"""Latencies that differ by less are the same: jitter is not to decide."""
_LEVEL_SHARE: Final = 0.25
"""Of the greater one: likewise."""
_MIN_PENALTY_SECONDS: Final = 0.05
_MAX_PENALTY_SECONDS: Final = 10.0
"""A failure counts as twice as slow as what there was before, within these bounds: a fast one would attract calls."""

Seen = Outcome | Literal["useless"]
"""How a call went at one instance; what is useless, such as a 429, tells of no failure and must not attract calls."""


class Balancer:
    """The instances of one service, and which of them is asked next.

    Attributes:
        endpoints: all of them.
    """

    def __init__(
        self,
        *,
        clock: Clock = time.monotonic,
        draw: Callable[[], float] = random.random,
        changed: Callable[[int, int], None] = lambda _in_use, _ejected: None,
        ejected: Callable[[Endpoint, float], None] = lambda _endpoint, _seconds: None,
    ) -> None:
        """``draw`` gives a number from 0 to 1, without 1.

        ``changed`` is told how many are well and how many are ejected, when that changes; ``ejected`` of each that is,
        and for how many seconds.
        """
        self.endpoints: Sequence[Endpoint] = ()
        self._clock = clock
        self._draw = draw
        self._changed = changed
        self._ejected = ejected
        self._in_use: Sequence[Endpoint] = ()
        self._out: Sequence[Endpoint] = ()
        self._next_return = inf

    def update(self, endpoints: Iterable[Endpoint]) -> None:
        """From now on these are all; those that were there before go on with the figures that they have.

        New ones begin as the fastest of those: a standstill that they all saw would leave all calls to who came later.
        """
        now, before = self._clock(), self.endpoints
        self.endpoints = tuple(endpoints)
        fastest = min((seconds for one in before if (seconds := one.latency.value(now)) is not None), default=None)
        for one in self.endpoints:
            if fastest is not None and one.latency.value(now) is None:
                one.latency.observe(fastest, now)
        self._sort(now)

    def choose(self, avoid: Sequence[object] = ()) -> Endpoint:
        """The one to be asked next, if possible none of those to ``avoid``.

        Raises:
            IndexError: there is none at all.
        """
        now = self._clock()
        if now >= self._next_return:
            self.refresh()
        among = self._in_use
        if avoid:
            among = [one for one in among if one not in avoid] or among
        count = len(among)
        if count == 1:
            return among[0]
        one = int(self._draw() * count)
        other = int(self._draw() * (count - 1))
        return self._better(among[one], among[other + (other >= one)], now)

    def refresh(self) -> None:
        """Let those return whose time it is; done by :meth:`choose` too."""
        self._sort(self._clock())

    def has_other(self, than: Endpoint) -> bool:
        """Whether another one could be asked."""
        return any(one is not than for one in self._in_use)

    def is_kept_out(self, endpoint: Endpoint) -> bool:
        """Whether nobody is to be sent there."""
        return endpoint not in self._in_use

    def record(self, endpoint: Endpoint, seconds: float, outcome: Seen) -> None:
        """How a call to ``endpoint`` went; what was given up early tells at least that it has not been faster."""
        now = self._clock()
        if outcome == "success":
            endpoint.latency.observe(seconds, now)
            endpoint.ejection.succeeded()
            return
        known = endpoint.latency.value(now) or 0.0
        if outcome == "ignored":
            if seconds > known:
                endpoint.latency.observe(seconds, now)
            return
        penalty = min(max(2 * known, _MIN_PENALTY_SECONDS), _MAX_PENALTY_SECONDS)
        endpoint.latency.observe(max(seconds, penalty), now)
        if outcome == "failure" and endpoint.ejection.failed() and self._may_eject(endpoint):
            self._ejected(endpoint, endpoint.ejection.eject(now))
            self._sort(now)

    def _may_eject(self, endpoint: Endpoint) -> bool:
        others = len(self.endpoints)
        return endpoint in self.endpoints and endpoint not in self._out and len(self._out) < others // 2

    def _sort(self, now: float) -> None:
        """Who is out and who is not."""
        for one in self._out:
            if one.ejection.until <= now:
                one.since = now
        self._out = tuple(one for one in self.endpoints if one.ejection.until > now)
        self._next_return = min((one.ejection.until for one in self._out), default=inf)
        left = tuple(one for one in self.endpoints if one.ejection.until <= now)
        self._in_use = left if 2 * len(left) >= len(self.endpoints) else self.endpoints
        self._changed(len(left), len(self._out))

    def _better(self, one: Endpoint, other: Endpoint, now: float) -> Endpoint:
        best, worse = (one, other) if self._is_no_worse(one, other, now) else (other, one)
        weight = now - best.since
        if weight < FADE_IN_SECONDS:
            full = min(now - worse.since, FADE_IN_SECONDS)
            if weight < full and self._draw() * full >= weight:
                return worse
        return best

    def _is_no_worse(self, one: Endpoint, other: Endpoint, now: float) -> bool:
        """Costs are compared as in Finagle: the latency, for each call that waits there and for this one."""
        first, second = one.latency.value(now), other.latency.value(now)
        if first is not None and second is not None:
            difference = abs(first - second)
            if difference > _LEVEL_SECONDS and difference > _LEVEL_SHARE * max(first, second):
                return first * (one.pending + 1) <= second * (other.pending + 1)
        return one.pending <= other.pending
