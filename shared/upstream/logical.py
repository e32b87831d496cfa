"""Logical: a named service, whichever of its instances answers; its stack of policies, built once."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from shared.deadline import Deadline
from shared.errors import UpstreamError
from shared.upstream.breaker import BreakerRules, breaking, instrumented_breaker
from shared.upstream.bulkhead import Bulkhead, bulkheading
from shared.upstream.call import Call, Policy, Send, stack
from shared.upstream.concrete import Concrete
from shared.upstream.instance_figures import InstanceFigures
from shared.upstream.limit import AimdLimit, StaticLimit
from shared.upstream.observe import observe_attempts, observe_calls
from shared.upstream.reading import status_only
from shared.upstream.retry import RetryBudget, RetryRules, retrying
from shared.upstream.timeout import attempt_timeout

T = TypeVar("T")

HEALTH_SECONDS = 1.0


class InstanceHealth(msgspec.Struct, frozen=True):
    """How many instances of a service there are, and how many of these are well."""

    healthy: int
    of: int

    @property
    def suffices(self) -> bool:
        """Whether the service is well: at least half of its instances are."""
        return self.healthy > 0 and 2 * self.healthy >= self.of


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

    Outermost first: observe → retry → breaker → bulkhead (→ one of its instances) → observe each attempt (→ further
    policies round it) → attempt timeout → ``transport``.
    """

    def __init__(
        self,
        name: str,
        transport: Send | Concrete,
        policies: Policies = Policies(),
        each_attempt: Sequence[Policy] = (),
    ) -> None:
        """``name`` labels metrics and logs; ``each_attempt`` has policies that the numbers do not name.

        ``transport`` reaches one address, or any of the service's instances.
        """
        self.name = name
        self._instances = transport.balancer if isinstance(transport, Concrete) else None
        breaker = instrumented_breaker(name, policies.breaker)
        bulkhead = Bulkhead((AimdLimit if policies.adaptive else StaticLimit)(policies.concurrency))
        choosing: list[Policy] = []
        if isinstance(transport, Concrete):
            choosing.append(transport.choosing(policies.timeout, is_crowded=lambda: bulkhead.is_half_full))
            transport = transport.transport
        else:
            InstanceFigures(name).count(1, 0)
        self._send = stack(
            transport,
            observe_calls(name),
            retrying(name, policies.retry, RetryBudget(policies.retry.budget_share, policies.retry.budget_min)),
            breaking(breaker),
            bulkheading(name, bulkhead, is_tripped=lambda call: breaker.tripped_since(call.permit)),
            *choosing,
            observe_attempts(name),
            *each_attempt,
            attempt_timeout(policies.timeout),
        )
        # Without retries, but one that a stale connection costs is none.
        once = retrying(name, RetryRules(retries=0), RetryBudget(0, 0))
        self._probe = stack(transport, once, attempt_timeout(HEALTH_SECONDS))

    def call(self, call: Call[T]) -> Awaitable[T]:
        """Carry out ``call``.

        Raises:
            UpstreamError: with the reason, when nothing usable came before the deadline.
        """
        return self._send(call)

    async def health(self, path: str) -> InstanceHealth:
        """Whose GET of ``path`` is answered with 200 within a second; counted nowhere, kept away by nothing.

        An instance that is ejected is not well, whatever it says.
        """
        call = Call(path, status_only, Deadline.after(HEALTH_SECONDS))
        instances = self._instances
        if instances is None:
            return InstanceHealth(int(await self._is_healthy(call)), 1)
        asked = instances.endpoints
        each = (self._is_healthy(msgspec.structs.replace(call, instance=one)) for one in asked)
        answers = zip(asked, await asyncio.gather(*each), strict=True)
        return InstanceHealth(sum(well and not instances.is_kept_out(one) for one, well in answers), len(asked))

    async def _is_healthy(self, call: Call[int]) -> bool:
        try:
            status: int = await self._probe(call)
        except UpstreamError:
            return False
        return status == 200
