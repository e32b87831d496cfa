"""Concrete: the instances of a service, one of which is chosen for each attempt.

They are looked up in the background, ejected while they keep failing, and hedged where a read is late. To the layers
above they are one service: what happens at an instance that is out speaks against nobody else.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any, Final, Protocol, Self

import msgspec

from shared.deadline import Clock
from shared.errors import AttemptTimeout, NotConnected, Refused, Unreachable, UpstreamError
from shared.observing.logs import log
from shared.upstream.attended_time import AttendedTime
from shared.upstream.balancer import Balancer, Seen
from shared.upstream.breaker import outcome_of
from shared.upstream.call import Call, Policy, Race, Send
from shared.upstream.endpoint import Endpoint, InstanceTransport
from shared.upstream.hedge import Hedging
from shared.upstream.hedge_pace import HedgePace
from shared.upstream.instance_figures import InstanceFigures, LatencyGauge
from shared.upstream.lookup.location import Location

_REPORTED_EACH: Final = 1.0
"""Seconds between two times that the latency of an instance is published."""

Changed = Callable[[Sequence[Location]], None]


class Locating(Protocol):
    """Knows where the instances of a service are; open while it looks."""

    async def __aenter__(self) -> object:
        """Begin."""
        ...

    async def __aexit__(self, *_: object) -> None:
        """End."""
        ...

    def hurry(self) -> None:
        """Look again at once: one was not to be reached."""
        ...

    async def found(self) -> object:
        """Wait until any are known."""
        ...


class Concrete:
    """The instances of one service; a resource of the app, open while it serves."""

    def __init__(
        self,
        service_name: str,
        locating: Callable[[Changed], Locating],
        connect: Callable[[Location], InstanceTransport],
        *,
        hedged: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        """``locating`` makes what tells where they are, and ``connect`` a transport to one of them."""
        self.name = service_name
        self.clock = clock
        self._figures = InstanceFigures(service_name)
        self.balancer = Balancer(clock=clock, changed=self._figures.count, ejected=self._log_ejected)
        self.latencies = LatencyGauge(service_name)
        self.locating = locating(self._update)
        self._returns: list[asyncio.TimerHandle] = []
        self._connect = connect
        self._hedged = hedged

    async def __aenter__(self) -> Self:
        """Begin to look for them."""
        await self.locating.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Look no more."""
        for timer in self._returns:
            timer.cancel()
        await self.locating.__aexit__(*raised)

    async def transport(self, call: Call[Any]) -> Any:
        """The innermost sender: to the instance that was chosen."""
        if call.instance is None:
            raise TypeError("no instance was chosen")
        return await call.instance.transport(call)

    def choosing(self, timeout: float, is_crowded: Callable[[], bool] = lambda: False) -> Policy:
        """Send each attempt to one instance, and what is late to a second one as well.

        Where none is known yet, an attempt waits for the first look-up for no longer than ``timeout`` seconds.
        ``is_crowded`` tells whether the service has too much to do to be asked twice.
        """
        hedging = Hedging(self._figures, HedgePace(), is_crowded) if self._hedged else None
        return lambda send: _Choosing(send, self, timeout, hedging)

    def _update(self, locations: Sequence[Location]) -> None:
        """These are all from now on; nobody is sent to any other, and their idle connections are closed."""
        known = {one.location: one for one in self.balancer.endpoints}
        now = self.clock()
        self.balancer.update(
            [known.pop(one) if one in known else Endpoint(one, self._connect(one), now) for one in locations]
        )
        for gone in known.values():
            gone.transport.close()
            gone.report_at = inf
            self.latencies.forget(gone.location.label)

    def _log_ejected(self, endpoint: Endpoint, seconds: float) -> None:
        self._figures.ejections.inc()
        loop = asyncio.get_running_loop()
        pending = (timer for timer in self._returns if timer.when() > loop.time())
        self._returns = [*pending, loop.call_later(seconds, self.balancer.refresh)]
        address = endpoint.location.label
        log("warning", "instance ejected", "upstream", upstream=self.name, address=address, seconds=seconds)


class _Choosing:
    """Sends attempts to instances, and tells the balancer how they went."""

    def __init__(self, send: Send, concrete: Concrete, timeout: float, hedging: Hedging | None) -> None:
        self._send = send
        self._balancer = concrete.balancer
        self._locating = concrete.locating
        self._latencies = concrete.latencies
        self._clock = concrete.clock
        self._time = AttendedTime(concrete.clock)
        self._timeout = timeout
        self._hedging = hedging

    async def __call__(self, call: Call[Any]) -> Any:
        if not self._balancer.endpoints:
            await self._wait_for_any(call)
        first = self._balancer.choose(call.avoid)
        hedging = self._hedging
        if hedging is None or not call.safe or len(self._balancer.endpoints) == 1:
            return await self._attempt(call, first)
        began = self._time.begin()
        try:
            delay = hedging.pace.delay
            if delay is None:
                return await self._attempt(call, first)
            call = msgspec.structs.replace(call, race=(race := Race()))
            return await hedging.carry_out(
                partial(self._attempt, call), first, partial(self._other_than, first, *call.avoid), race, delay
            )
        finally:
            hedging.pace.observe(self._time.end(began))

    async def _wait_for_any(self, call: Call[Any]) -> None:
        try:
            async with asyncio.timeout(min(self._timeout, call.deadline.left())):
                await self._locating.found()
        except TimeoutError as error:
            raise Unreachable("it is not known where any instance is") from error

    def _other_than(self, *asked: object) -> Endpoint | None:
        other = self._balancer.choose(asked)
        return None if other in asked else other

    async def _attempt(self, call: Call[Any], endpoint: Endpoint) -> Any:
        began = self._time.begin()
        endpoint.pending += 1
        try:
            value = await self._send(msgspec.structs.replace(call, instance=endpoint))
        except BaseException as error:
            self._ended(endpoint, began, _seen(error))
            if isinstance(error, UpstreamError):
                self._tell_above(error, call, endpoint)
            raise
        self._ended(endpoint, began, "success")
        return value

    def _ended(self, endpoint: Endpoint, began: float, outcome: Seen) -> None:
        now = self._clock()
        endpoint.pending -= 1
        self._balancer.record(endpoint, self._time.end(began), outcome)
        if now >= endpoint.report_at:
            endpoint.report_at = now + _REPORTED_EACH
            self._latencies.set(endpoint.location.label, endpoint.latency.value(now) or 0.0)

    def _tell_above(self, error: UpstreamError, call: Call[Any], endpoint: Endpoint) -> None:
        """What an error at one instance is to the layers above, where there are others."""
        error.instance = endpoint
        if isinstance(error, NotConnected):
            self._locating.hurry()
        if self._balancer.is_kept_out(endpoint):
            error.is_failure = False
        # Whether a change may be sent again, the retry policy knows.
        wanted = call.safe or call.change is not None
        if wanted and _told_nothing(error) and self._balancer.has_other(endpoint):
            error.retryable = True


def _seen(error: BaseException) -> Seen:
    """What ``error`` says about the instance: statuses that are nobody's fault are quick to come by."""
    if not isinstance(error, UpstreamError) or error.is_failure or error.status is None:
        return outcome_of(error)
    return "success" if isinstance(error, Refused) else "useless"


def _told_nothing(error: UpstreamError) -> bool:
    """Whether there was no answer at all, so that another instance may have one."""
    return isinstance(error, AttemptTimeout | Unreachable) and error.status is None
