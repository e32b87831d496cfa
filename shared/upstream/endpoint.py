"""Endpoint: one address of a service, with its own pooled connections and its own figures."""

from typing import Any, Protocol

import msgspec

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


class Endpoint(msgspec.Struct, eq=False):
    """One instance of a service.

    Attributes:
        location: where it is.
        transport: carries out calls there.
        since: the instant (on the balancer's clock) at which it arrived or returned.
        latency: how long it takes lately; what fails counts as slow.
        ejection: its failures in a row.
        pending: calls to it in flight.
        report_at: the instant at which its latency is published again.
    """

    location: Location
    transport: InstanceTransport
    since: float
    latency: PeakEwma = msgspec.field(default_factory=PeakEwma)
    ejection: Ejection = msgspec.field(default_factory=Ejection)
    pending: int = 0
    report_at: float = 0.0
