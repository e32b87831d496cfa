"""Endpoint: one address of a service, with its own pooled connections and its own figures."""

from typing import Any, Protocol

from shared.upstream.call import Call
from shared.upstream.ejection import Ejection
from shared.upstream.lookup.location import Location
from shared.upstream.peak_ewma import PeakEwma


class InstanceTransport(Protocol):
    """The innermost sender to one instance."""

    async def __call__(self, call: Call[Any]) -> Any:
        """Carry out ``call``."""
        ...

    def close(self) -> None:
        """Close its idle connections at once, and those in use when they have been used."""
        ...


class Endpoint:
    """One instance of a service.

    Attributes:
        location: where it is.
        transport: carries out calls there.
        latency: how long it takes lately; what fails counts as slow.
        ejection: its failures in a row.
        pending: calls to it in flight.
        since: the instant (on the balancer's clock) at which it arrived or returned.
        report_at: the instant at which its latency is published again.
    """

    __slots__ = ("ejection", "latency", "location", "pending", "report_at", "since", "transport")

    def __init__(self, location: Location, transport: InstanceTransport, since: float) -> None:
        self.location = location
        self.transport = transport
        self.latency = PeakEwma()
        self.ejection = Ejection()
        self.pending = 0
        self.since = since
        self.report_at = since
