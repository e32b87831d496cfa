"""What is told of the instances of a service; an address is a label of one gauge alone, of few at a time."""

from typing import Final

from shared.observing import metrics

MAX_ADDRESSES: Final = 50
HEDGES: Final = ("sent", "won", "denied")


class InstanceFigures:
    """The metrics of one service; there from the beginning, also where it has one address.

    Attributes:
        ejections: counts instances that were kept out.
        hedges: counts second attempts, by what became of them.
    """

    def __init__(self, service_name: str) -> None:
        self.ejections = metrics.upstream_ejections.labels(service_name)
        self.hedges = {outcome: metrics.upstream_hedges.labels(service_name, outcome) for outcome in HEDGES}
        self._healthy = metrics.upstream_instances.labels(service_name, "healthy")
        self._ejected = metrics.upstream_instances.labels(service_name, "ejected")

    def count(self, healthy: int, ejected: int) -> None:
        """So many are well, and so many are ejected."""
        self._healthy.set(healthy)
        self._ejected.set(ejected)


class LatencyGauge:
    """The latency of instances by address, of ``MAX_ADDRESSES`` at most."""

    def __init__(self, service_name: str) -> None:
        self._service_name = service_name
        self._shown: set[str] = set()

    def set(self, address: str, seconds: float) -> None:
        """It is so long at ``address``, if there is room for that."""
        if address in self._shown or len(self._shown) < MAX_ADDRESSES:
            self._shown.add(address)
            metrics.upstream_instance_latency.labels(self._service_name, address).set(seconds)

    def forget(self, address: str) -> None:
        """There is no such address any more."""
        if address in self._shown:
            self._shown.discard(address)
            metrics.upstream_instance_latency.forget(self._service_name, address)
