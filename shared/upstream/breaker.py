"""The circuit breaker: a service that keeps failing gets no calls for a while, then a few trial calls.

    closed ──share of failures──► open ──time──► half-open ──enough successes──► closed
                                   ▲                │
                                   └───a failure────┘   (for twice as long)

After Nygard, *Release It!*; numbers and half-open permits as in Resilience4j. The state machine is pure: the clock is
injected, and every result belongs to the state in which its call was admitted.
"""

import enum
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from shared.deadline import Clock
from shared.errors import CircuitOpen, UpstreamError
from shared.observing import metrics
from shared.observing.logs import log
from shared.upstream.call import Call, Policy, Send

Outcome = Literal["success", "failure", "ignored"]


class State(enum.IntEnum):
    """What the breaker does with calls; the number is the value of its metric."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When the breaker opens and closes.

    Attributes:
        failure_share: of the calls in the window that fail, from which it opens.
        min_calls: with fewer in the window it stays closed.
        window: seconds.
        first_open: seconds that it stays open; doubled each time that the service is still sick afterwards.
        max_open: seconds, at most.
        probes: calls at once while half-open.
        successes: of probes, that close it.
    """

    failure_share: float = 0.5
    min_calls: int = 20
    window: float = 10.0
    first_open: float = 5.0
    max_open: float = 60.0
    probes: int = 5
    successes: int = 3


class _Window:
    """Successes and failures of the last seconds, in ten slices."""

    def __init__(self, seconds: float) -> None:
        self._slice = seconds / 10
        self._slices: deque[list[int]] = deque()
        self._newest = [-1, 0, 0]
        self.successes = 0
        self.failures = 0

    def add(self, now: float, *, failed: bool) -> None:
        number = int(now / self._slice)
        if number != self._newest[0]:
            self._begin(number)
        self._newest[1 + failed] += 1
        if failed:
            self.failures += 1
        else:
            self.successes += 1

    def _begin(self, number: int) -> None:
        self._newest = [number, 0, 0]
        self._slices.append(self._newest)
        while self._slices[0][0] <= number - 10:
            _, successes, failures = self._slices.popleft()
            self.successes -= successes
            self.failures -= failures


class Breaker:
    """One service's breaker; ``changed`` is called with each change of state.

    Attributes:
        state: what is done with calls now.
    """

    def __init__(
        self,
        rules: BreakerRules = BreakerRules(),
        clock: Clock = time.monotonic,
        changed: Callable[[State, State], None] = lambda _before, _after: None,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._changed = changed
        self.state = State.CLOSED
        self._generation = 0
        self._window = _Window(rules.window)
        self._open_until = 0.0
        self._open_for = rules.first_open
        self._probing = 0
        self._successes = 0

    def admit(self) -> int | None:
        """A permit for one call, to be given back with its outcome by :meth:`record`; None rejects the call."""
        if self.state is State.OPEN and self._clock() >= self._open_until:
            self._transition_to(State.HALF_OPEN)
        if self.state is State.OPEN:
            return None
        if self.state is State.HALF_OPEN:
            if self._probing >= self._rules.probes:
                return None
            self._probing += 1
        return self._generation

    def tripped_since(self, permit: int) -> bool:
        """Whether the service began to fail after ``permit`` was given, and is not known to be well again."""
        return permit != self._generation and self.state is not State.CLOSED

    def record(self, permit: int, outcome: Outcome) -> None:
        """Give a permit back; an outcome from before the last change of state counts for nothing."""
        if permit != self._generation:
            return
        if self.state is State.HALF_OPEN:
            self._probing -= 1
            self._judge_probe(outcome)
        elif outcome != "ignored":
            self._window.add(self._clock(), failed=outcome == "failure")
            if self._window.failures:
                self._judge_window()

    def _judge_probe(self, outcome: Outcome) -> None:
        if outcome == "failure":
            self._open_for = min(2 * self._open_for, self._rules.max_open)
            self._transition_to(State.OPEN)
        elif outcome == "success":
            self._successes += 1
            if self._successes >= self._rules.successes:
                self._open_for = self._rules.first_open
                self._transition_to(State.CLOSED)

    def _judge_window(self) -> None:
        calls = self._window.successes + self._window.failures
        if calls >= self._rules.min_calls and self._window.failures >= self._rules.failure_share * calls:
            self._transition_to(State.OPEN)

    def _transition_to(self, state: State) -> None:
        before, self.state = self.state, state
        self._generation += 1
        self._probing = self._successes = 0
        self._window = _Window(self._rules.window)
        if state is State.OPEN:
            self._open_until = self._clock() + self._open_for
        self._changed(before, state)


def outcome_of(error: BaseException) -> Outcome:
    """What ``error``, instead of an answer, says about who was asked."""
    if not isinstance(error, UpstreamError):
        return "ignored"  # whoever leaves says nothing about the service
    if error.is_failure:
        return "failure"
    return "ignored" if error.rest is None else "success"  # one thing that is wrong says nothing about the others


def instrumented_breaker(service_name: str, rules: BreakerRules, clock: Clock = time.monotonic) -> Breaker:
    """A breaker whose state is a metric, and whose changes are each one line in the log."""
    gauge = metrics.breaker_state.labels(service_name)
    gauge.set(State.CLOSED)
    changes = {state: metrics.breaker_changes.labels(service_name, state.name.lower()) for state in State}

    def changed(before: State, after: State) -> None:
        gauge.set(after)
        changes[after].inc()
        level = "warning" if after is State.OPEN else "info"
        log(level, "breaker changed", "upstream", upstream=service_name, before=before.name, after=after.name)

    return Breaker(rules, clock, changed)


def breaking(breaker: Breaker) -> Policy:
    """Keep calls away while ``breaker`` is open, and tell it how the others went."""

    def policy(send: Send) -> Send:
        async def guarded(call: Call[Any]) -> Any:
            permit = breaker.admit()
            if permit is None:
                raise CircuitOpen("the service has been failing")
            outcome: Outcome = "success"
            try:
                return await send(call if permit == call.permit else msgspec.structs.replace(call, permit=permit))
            except BaseException as error:
                outcome = outcome_of(error)
                raise
            finally:
                breaker.record(permit, outcome)

        return guarded

    return policy
