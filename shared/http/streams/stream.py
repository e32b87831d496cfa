"""A stream that is sent to one client: what is told before its head has left goes with that."""

import asyncio
from collections.abc import Iterable

from sanic import Request

from shared.http.exchange import Exchange
from shared.http.streams.event import Event, Wire
from shared.observing import metrics


class Stream:
    """Events for one client, written straight to its connection.

    Attributes:
        wire: how.
        exchange: the request that it answers.
        events: how many were told.
        ended: why it has ended; "" while it has not.
    """

    __slots__ = ("_held", "_transport", "ended", "events", "exchange", "wire")

    def __init__(self, wire: Wire, exchange: Exchange) -> None:
        self.wire = wire
        self.exchange = exchange
        self.events = 0
        self.ended = ""
        self._held: list[bytes] = []
        self._transport: asyncio.WriteTransport | None = None

    def begin(self, request: Request) -> None:
        """There is something to tell; the ``request`` is counted."""
        self.exchange.begin_stream(request)
        metrics.streams_open.inc()
        metrics.stream_first_part.observe(self.exchange.elapsed())

    def end(self, reason: str) -> None:
        """It is over; a second call does nothing."""
        if not self.ended:
            self.ended = reason
            metrics.streams_open.dec()
            metrics.streams_ended.labels(reason).inc()
            self.exchange.facts |= {"events": self.events, "ended": reason}

    def tell(self, events: Iterable[Event]) -> None:
        """Send these, or keep them until there is a head."""
        told = list(events)
        if not told:
            return
        self.count(told)
        self._write(self.wire.format.encode(told))

    def tell_last(self, event: Event, retry_ms: int | None = None) -> None:
        """Send the last one; the client is to wait for so long before it comes back."""
        self.count([event])
        self._write(self.wire.format.encode_last(event, retry_ms))

    def count(self, events: Iterable[Event]) -> None:
        """These have been told."""
        for event in events:
            self.events += 1
            metrics.stream_events.labels(event.name).inc()

    def take_held(self) -> bytes:
        """What was told so far, to be sent with the head."""
        held, self._held = self._held, []
        return b"".join(held)

    def open(self, transport: asyncio.WriteTransport) -> None:
        """The head has left: from now on everything goes there at once."""
        self._transport = transport
        if self._held:
            transport.write(self.take_held())

    def _write(self, data: bytes) -> None:
        data = self.wire.framed(data)
        if self._transport is None:
            self._held.append(data)
        elif not self._transport.is_closing():
            self._transport.write(data)
