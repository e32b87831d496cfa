"""All streams of an app that stay open: how many there may be, heartbeats, and the reasons for which they end.

One timer a second serves all of them.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final, Self

from shared.deadline import Clock
from shared.edge.edge import Edge
from shared.errors import Shed
from shared.http.exchange import Exchange
from shared.http.streams.event import Wire
from shared.http.streams.live import LiveStream, Term
from shared.http.streams.places import FULL, Places
from shared.http.streams.wheel import Wheel
from shared.observing import metrics

HEARTBEAT_SECONDS: Final = 15.0
_SPREAD: Final = 0.2
"""By up to this share a stream stays longer or shorter, so that those that began together do not come back together."""
_DRAIN_RETRY_MS: Final = (1_000, 5_000)
"""Between these a client waits before it comes back, to another process."""
_TICK_SECONDS: Final = 1.0


class Streams:
    """The streams of one process; a resource of its app."""

    def __init__(
        self,
        places: Places,
        edge: Edge,
        *,
        seconds: float,
        leeway: float = 0.0,
        clock: Clock = time.monotonic,
        epoch: Clock = time.time,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """A stream stays for ``seconds``, a fifth more or less, and until its token has ended and ``leeway`` passed."""
        self._places = places
        self._edge = edge
        self._seconds = seconds
        self._leeway = leeway
        self._clock = clock
        self._epoch = epoch
        self._draw = draw
        self._wheel: Wheel[LiveStream] = Wheel(clock())
        self._open: dict[LiveStream, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._checking: asyncio.Handle | None = None
        self._is_draining = False
        edge.on_change(self._check_soon)
        for reason in metrics.STREAM_ENDS:
            metrics.streams_ended.labels(reason)

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End what is still open."""
        self.drain()
        for timer in (self._timer, self._checking):
            if timer is not None:
                timer.cancel()

    def admit(self, wire: Wire, exchange: Exchange) -> LiveStream:
        """A stream for whoever asks by ``exchange``, in a place that its end gives back.

        Raises:
            Shed: as many as there may be are open, or all are about to end.
            TooManyRequests: the client has as many as it may.
        """
        if self._is_draining:
            raise Shed(FULL.detail, FULL.retry_after)
        caller = exchange.caller
        principal = None if caller is None else caller.principal
        address = "" if caller is None else caller.address
        subject = f"address {address}" if principal is None else principal.key
        self._places.take(subject)
        now = self._clock()
        term = Term(now + self._seconds * self._draw(1 - _SPREAD, 1 + _SPREAD), "limit")
        if principal is not None:
            expires = now + float(principal.claims["exp"]) + self._leeway - self._epoch()
            term = min(term, Term(expires, "expired"))
        stream = LiveStream(wire, exchange, subject, principal, term)
        stream.on_end.append(self._forget)
        self._open[stream] = None
        self._wheel.put(stream, min(now + HEARTBEAT_SECONDS, term.at))
        self._start()
        return stream

    def drain(self) -> None:
        """End all of them, and take no more: this process is about to stop."""
        self._is_draining = True
        for stream in [*self._open]:
            if stream.has_begun:
                self._drain(stream)

    def settle(self, stream: LiveStream) -> None:
        """All that can be told at once has been: it may stay, unless it has to end by now."""
        if self._is_draining:
            self._drain(stream)
        elif stream.principal is not None and not self._edge.still_knows(stream.principal):
            stream.close("revoked")

    def tick(self) -> None:
        """Let those whose time has come end, or show that they live."""
        now = self._clock()
        for stream in self._wheel.turn(now):
            if not stream.has_begun:  # it is not known yet whether it will
                self._wheel.put(stream, now)
            elif now >= stream.term.at:
                stream.close(stream.term.reason)
            elif stream.beat():
                self._wheel.put(stream, min(now + HEARTBEAT_SECONDS, stream.term.at))
            else:
                stream.abort("stuck")

    def _drain(self, stream: LiveStream) -> None:
        stream.close("drain", retry_ms=round(self._draw(*_DRAIN_RETRY_MS)))

    def _start(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.tick()
        if self._open:
            self._start()

    def _forget(self, stream: LiveStream) -> None:
        del self._open[stream]
        self._wheel.remove(stream)
        self._places.free(stream.subject)

    def _check_soon(self) -> None:
        """Tokens may count for nothing any more: see whose, once for all that is said in this turn of the loop."""
        if self._open and self._checking is None:
            self._checking = asyncio.get_running_loop().call_soon(self._check)

    def _check(self) -> None:
        self._checking = None
        for stream in [*self._open]:
            if stream.has_begun and stream.principal is not None and not self._edge.still_knows(stream.principal):
                stream.close("revoked")
