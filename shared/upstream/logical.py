"""Logical: a named service, whichever of its instances answers; its stack of policies, built once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from shared.deadline import Deadline
from shared.errors import UpstreamError
from shared.upstream.breaker import BreakerRules, breaking, instrumented_breaker
from shared.upstream.bulkhead import Bulkhead, bulkheading
from shared.upstream.call import Call, Policy, Send, stack
from shared.upstream.limit import AimdLimit, Limit, StaticLimit
from shared.upstream.observe import observe_attempts, observe_calls
from shared.upstream.reading import status_only
from shared.upstream.retry import RetryBudget, RetryRules, retrying
from shared.upstream.timeout import attempt_timeout

T = TypeVar("T")

HEALTH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Policies:
    """How carefully a service is called.

    Attributes:
        timeout: seconds for one attempt.
        concurrency: calls at once, at most.
        adaptive: whether that number follows how the service copes.
    """

    timeout: float = 0.8
    concurrency: int = 200
    adaptive: bool = False
    retry: RetryRules = field(default=RetryRules())
    breaker: BreakerRules = field(default=BreakerRules())


class Upstream:
    """Calls one service.

    Outermost first: observe → retry → breaker → bulkhead → observe each attempt (→ further policies round it) →
    attempt timeout → ``transport``.
    """

    def __init__(
        self, name: str, transport: Send, policies: Policies = Policies(), each_attempt: Sequence[Policy] = ()
    ) -> None:
        """``name`` labels metrics and logs; ``each_attempt`` has policies that the numbers do not name."""
        self.name = name
        limit: Limit = StaticLimit(policies.concurrency)
        if policies.adaptive:
            limit = AimdLimit(policies.concurrency)
        breaker = instrumented_breaker(name, policies.breaker)
        self._send = stack(
            transport,
            observe_calls(name),
            retrying(name, policies.retry, RetryBudget(policies.retry.budget_share, policies.retry.budget_min)),
            breaking(breaker),
            bulkheading(name, Bulkhead(limit), is_tripped=lambda call: breaker.tripped_since(call.permit)),
            observe_attempts(name),
            *each_attempt,
            attempt_timeout(policies.timeout),
        )
        # Without retries, but one that a stale connection costs is none.
        once = retrying(name, RetryRules(retries=0), RetryBudget(0, 0))
        self._probe = stack(transport, once, attempt_timeout(HEALTH_SECONDS))

    async def call(self, call: Call[T]) -> T:
        """Carry out ``call``.

        Raises:
            UpstreamError: with the reason, when nothing usable came before the deadline.
        """
        value: T = await self._send(call)
        return value

    async def healthy(self, path: str) -> bool:
        """Whether a GET of ``path`` is answered with 200 within a second; counted nowhere, kept away by nothing."""
        try:
            status: int = await self._probe(Call(path, status_only, Deadline.after(HEALTH_SECONDS)))
        except UpstreamError:
            return False
        return status == 200
