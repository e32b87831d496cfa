"""The bulkhead: a bound on concurrent calls to a service, so that one slow service cannot use up everything.

Further calls wait their turn, first come first served, no longer than their deadline allows.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from shared.errors import AttemptTimeout, CircuitOpen, Overloaded, UpstreamError
from shared.observing import metrics
from shared.upstream.call import Call, Policy, Send
from shared.upstream.limit import Limit
from shared.upstream.timeout import MIN_ATTEMPT_SECONDS


class Bulkhead:
    """Slots for calls, and the queue for them."""

    def __init__(self, limit: Limit) -> None:
        """``limit`` tells how many slots there are."""
        self._queue: deque[asyncio.Future[None]] = deque()
        self.limit = limit
        self.in_flight = 0

    @property
    def is_half_full(self) -> bool:
        """Whether more than half of them are taken."""
        return 2 * self.in_flight > self.limit.value

    @property
    def waiting(self) -> int:
        """How many calls wait for a slot."""
        return sum(not turn.done() for turn in self._queue)

    def take(self) -> bool:
        """Take a slot if there is one that nobody waits for; give it back with :meth:`release`."""
        is_free = self.in_flight < self.limit.value and not self._queue
        self.in_flight += is_free
        return is_free

    async def acquire(self, max_wait: float) -> None:
        """Take a slot, waiting for it for at most ``max_wait`` seconds; give it back with :meth:`release`.

        Raises:
            Overloaded: there was none in time.
        """
        if self.take():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout(max(0.0, max_wait)):
                await turn
        except TimeoutError as error:
            self._abandon(turn)
            raise Overloaded("no slot for the call in time") from error
        except asyncio.CancelledError:
            self._abandon(turn)
            raise

    def release(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1
        if self._queue:
            self._admit_next()

    def _abandon(self, turn: "asyncio.Future[None]") -> None:
        """Give up a place in the queue, or the slot that came with it."""
        if turn.done() and not turn.cancelled():
            self.release()
        else:
            turn.cancel()
            self._admit_next()

    def _admit_next(self) -> None:
        while self._queue and (self._queue[0].done() or self.in_flight < self.limit.value):
            turn = self._queue.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)


def bulkheading(
    service_name: str, bulkhead: Bulkhead, is_tripped: Callable[[Call[Any]], bool] = lambda _call: False
) -> Policy:
    """Let no more calls through at once than ``bulkhead`` has slots.

    A call whose turn comes when the breaker has opened meanwhile (``is_tripped``) is not made.
    """
    limit = bulkhead.limit
    in_flight = metrics.upstream_in_flight.labels(service_name)
    shown = metrics.upstream_limit.labels(service_name)
    published = 0

    def publish() -> None:
        nonlocal published
        published = limit.value
        shown.set(published)

    publish()

    def policy(send: Send) -> Send:
        async def slotted(call: Call[Any]) -> Any:
            if not bulkhead.take():
                await bulkhead.acquire(call.deadline.left() - MIN_ATTEMPT_SECONDS)
            in_flight.inc()
            try:
                if is_tripped(call):
                    raise CircuitOpen("the service has begun to fail while the call waited")
                value = await send(call)
            except UpstreamError as error:
                if isinstance(error, Overloaded) or (isinstance(error, AttemptTimeout) and error.is_failure):
                    limit.dropped()
                raise
            else:
                limit.succeeded(bulkhead.in_flight)
                return value
            finally:
                in_flight.dec()
                if published != limit.value:
                    publish()
                bulkhead.release()

        return slotted

    return policy
