"""The bulkhead: so many calls to a service at once, so that one slow service cannot use up everything there is.

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
from shared.upstream.timeout import SHORTEST_SECONDS


class Bulkhead:
    """Slots for calls, and the queue for them."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._queue: deque[asyncio.Future[None]] = deque()
        self.in_flight = 0

    @property
    def limit(self) -> Limit:
        """How many slots there are."""
        return self._limit

    @property
    def waiting(self) -> int:
        """How many calls wait for a slot."""
        return sum(not turn.done() for turn in self._queue)

    async def enter(self, patience: float) -> None:
        """Take a slot, waiting for it for at most ``patience`` seconds; give it back with :meth:`leave`.

        Raises:
            Overloaded: there was none in time.
        """
        if self.in_flight < self._limit.value and not self._queue:
            self.in_flight += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout(max(0.0, patience)):
                await turn
        except TimeoutError as error:
            self._pass_on(turn)
            raise Overloaded("no slot for the call in time") from error
        except asyncio.CancelledError:
            self._pass_on(turn)
            raise

    def leave(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1
        self._call_next()

    def _pass_on(self, turn: "asyncio.Future[None]") -> None:
        """The one whose turn it is has gone."""
        if turn.done() and not turn.cancelled():
            self.leave()
        else:
            turn.cancel()
            self._call_next()

    def _call_next(self) -> None:
        while self._queue and (self._queue[0].done() or self.in_flight < self._limit.value):
            turn = self._queue.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)


def bulkheading(
    service_name: str, bulkhead: Bulkhead, given_up: Callable[[Call[Any]], bool] = lambda _call: False
) -> Policy:
    """Let no more calls through at once than ``bulkhead`` has slots.

    A call whose turn comes when the service has been ``given_up`` meanwhile is not made.
    """
    in_flight = metrics.upstream_in_flight.labels(service_name)
    limit = metrics.upstream_limit.labels(service_name)
    told = bulkhead.limit.value
    limit.set(told)

    def report() -> None:
        nonlocal told
        if told != bulkhead.limit.value:
            told = bulkhead.limit.value
            limit.set(told)

    def policy(send: Send) -> Send:
        async def slotted(call: Call[Any]) -> Any:
            await bulkhead.enter(call.deadline.left() - SHORTEST_SECONDS)
            in_flight.inc()
            try:
                if given_up(call):
                    raise CircuitOpen("the service has begun to fail while the call waited")
                value = await send(call)
            except UpstreamError as error:
                if isinstance(error, Overloaded) or (isinstance(error, AttemptTimeout) and error.is_failure):
                    bulkhead.limit.dropped()
                raise
            else:
                bulkhead.limit.succeeded(bulkhead.in_flight)
                return value
            finally:
                in_flight.dec()
                report()
                bulkhead.leave()

        return slotted

    return policy
