"""Retries: one more attempt where it may succeed, within a budget.

The pause has full jitter (Brooker, *Exponential Backoff And Jitter*), so that callers who failed together do not come
back together. The budget bounds retries to a share of the calls in flight (Envoy's retry budget): when much fails,
little is retried, and a service that is down is not asked twice as often. A connection of the pool that the service was
closing just then is no attempt at the service: the call is sent again at once, outside the budget, but only once, since
nobody can know what the service had read of it. A call that changes something is sent again only where none of it can
have left, or where the service does it once however often it comes (RFC 9110 §9.2.2).
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.errors import UpstreamError
from shared.observing import metrics
from shared.upstream.call import Call, Policy, Send
from shared.upstream.timeout import MIN_ATTEMPT_SECONDS

Draw = Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class RetryRules:
    """How much is retried.

    Attributes:
        retries: further attempts for one call.
        min_pause: seconds.
        max_pause: seconds.
        budget_share: of the calls in flight that may be retries.
        budget_min: retries at once that are always allowed.
    """

    retries: int = 1
    min_pause: float = 0.025
    max_pause: float = 0.25
    budget_share: float = 0.2
    budget_min: int = 3


class RetryBudget:
    """Counts calls and retries in flight; pure."""

    def __init__(self, share: float, minimum: int) -> None:
        self._share = share
        self._minimum = minimum
        self.calls = 0
        self.retries = 0

    def acquire(self) -> bool:
        """Take a retry out of the budget, to be given back when it is over; false when there is none."""
        if self.retries + 1 > max(self._minimum, self._share * self.calls):
            return False
        self.retries += 1
        return True

    def release(self) -> None:
        """A retry is over."""
        self.retries -= 1


class _Retrying:
    """Sends calls, again where that may do better, while budget and deadline allow it."""

    def __init__(self, send: Send, service_name: str, rules: RetryRules, budget: RetryBudget, draw: Draw) -> None:
        self._send = send
        self._rules = rules
        self._budget = budget
        self._draw = draw
        self._done = metrics.upstream_retries.labels(service_name, "done")
        self._denied = metrics.upstream_retries.labels(service_name, "denied")

    async def __call__(self, call: Call[Any]) -> Any:
        self._budget.calls += 1
        free = True
        acquired = False
        try:
            while True:
                try:
                    return await self._send(call)
                except UpstreamError as error:
                    if call.change is not None and not call.change.may_be_sent:
                        raise
                    if error.at_once and free and call.deadline.left() > MIN_ATTEMPT_SECONDS:
                        free = False  # it has hardly reached the service, so it is not one of the retries
                        continue
                    if not error.retryable or call.attempt >= self._rules.retries:
                        raise
                    pause = self._pause(error)
                    if call.deadline.left() <= pause + MIN_ATTEMPT_SECONDS:
                        raise
                    if not acquired and not self._budget.acquire():
                        self._denied.inc()
                        raise
                    acquired = True
                    avoid = call.avoid if error.instance is None else (*call.avoid, error.instance)
                await asyncio.sleep(pause)
                self._done.inc()
                call = msgspec.structs.replace(call, attempt=call.attempt + 1, avoid=avoid)
        finally:
            self._budget.calls -= 1
            if acquired:
                self._budget.release()

    def _pause(self, error: UpstreamError) -> float:
        jitter = self._draw(self._rules.min_pause, self._rules.max_pause)
        return jitter if error.retry_after is None else error.retry_after + jitter


def retrying(service_name: str, rules: RetryRules, budget: RetryBudget, draw: Draw = random.uniform) -> Policy:
    """Retry what may be retried; ``draw`` gives a pause between two durations."""
    return lambda send: _Retrying(send, service_name, rules, budget, draw)
