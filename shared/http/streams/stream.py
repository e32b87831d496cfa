"""A stream that is sent to one client: what is told before its head has left goes with that."""

import asyncio
from collections.abc import Collection
from functools import cache
from typing import Any, Final

from sanic import Request

from shared import codec
from shared.http.exchange import Exchange
from shared.http.streams.event import Event, Wire
from shared.observing import metrics


def end_event(reason: str, retry_ms: int | None = None) -> Event:
    """Nothing more will come, for this ``reason``; the client is to stay away for so long, if it comes back."""
    return Event("end", codec.document({"reason": reason} | ({} if retry_ms is None else {"retry": retry_ms})))


class Stream:
    """Events for one client, written straight to its connection.

    Attributes:
        wire: how.
        exchange: the request that it answers.
        events: how many were told.
        written: how many bytes that took.
        has_begun: whether there is anything to tell.
        ended: why it has ended; "" while it has not.
        making: what is still being found out for it, which ends with it.
    """

    stays: bool = False
    """Whether the connection is its own in the end."""

    __slots__ = ("_held", "_transport", "ended", "events", "exchange", "has_begun", "making", "wire", "written")

    def __init__(self, wire: Wire, exchange: Exchange) -> None:
        self.wire = wire
        self.exchange = exchange
        self.events = 0
        self.written = 0
        self.has_begun = False
        self.ended = ""
        self.making: asyncio.Future[Any] | None = None
        self._held: list[bytes] | None = []
        self._transport: asyncio.WriteTransport | None = None

    def begin(self, request: Request) -> None:
        """There is something to tell; the ``request`` is counted."""
        self.has_begun = True
        self.exchange.begin_stream(request)
        metrics.streams_open.inc()
        metrics.stream_first_part.observe(self.exchange.elapsed())

    def end(self, reason: str) -> None:
        """It is over; a second call does nothing."""
        if self.ended:
            return
        self.ended = reason
        if self.making is not None:
            self.making.cancel()
        if self.has_begun:
            metrics.streams_open.dec()
            metrics.streams_ended.labels(reason).inc()
            self.exchange.facts |= {"events": self.events, "ended": reason}

    def close(self, reason: str, event: Event | None = None, retry_ms: int | None = None) -> None:
        """Tell the client that this is the end, and for how long to stay away, if it should; then end.

        ``event`` says more of it than the ``reason``.
        """
        if not self.ended:
            last = end_event(reason, retry_ms) if event is None else event
            count([last])
            self.write(self.wire.framed(self.wire.format.encode_last(last, retry_ms)) + self.wire.last, 1)
            self.end(reason)

    def tell(self, events: Collection[Event]) -> None:
        """Send these, or keep them until there is a head."""
        if events:
            count(events)
            self.write(self.wire.framed(self.wire.format.encode(events)), len(events))

    def take_held(self) -> bytes:
        """What was told so far, to be sent with the head."""
        held, self._held = self._held or [], []
        return b"".join(held)

    def open(self, transport: asyncio.WriteTransport) -> None:
        """The head has left: from now on everything goes there at once."""
        self._transport = transport
        if self._held:
            transport.write(self.take_held())
        self._held = None

    def write(self, data: bytes, events: int = 0) -> None:
        """Send what is framed already, with so many ``events`` in it."""
        if self.ended:
            return
        self.events += events
        self.written += len(data)
        if self._transport is None:
            if self._held is not None:
                self._held.append(data)
        elif not self._transport.is_closing():
            self._transport.write(data)


def count(events: Collection[Event], clients: int = 1) -> None:
    """So many ``clients`` are sent these."""
    for event in events:
        _counter(event.name).inc(clients)


_counter: Final = cache(metrics.stream_events.labels)
