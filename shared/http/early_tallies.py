"""What is answered early is counted and logged by the turn of the event loop, not one by one."""

from shared.http.early_routes import EarlyRoute
from shared.observing import metrics
from shared.observing.logs import EventTemplate


class Tally:
    """Answers of one kind that have been given in this turn of the event loop."""

    def __init__(self, method: str, declared: EarlyRoute, status: int, *, is_hit: bool) -> None:
        label = declared.label
        self._count_hits = declared.count_hits if is_hit else None
        self._requests = metrics.requests.labels(method, label, str(status))
        self._duration = metrics.request_duration.labels(method, label)
        facts = declared.facts if is_hit else {}
        self.line = EventTemplate(
            "info", "request", "access", "duration_ms", method=method, route=label, status=status, **facts
        )
        self.durations: list[float] = []

    def flush(self) -> None:
        """Count them."""
        durations, self.durations = self.durations, []
        self._requests.inc(len(durations))
        self._duration.observe_all(durations)
        if self._count_hits is not None:
            self._count_hits(len(durations))


class TalliedRoute:
    """A route that is answered early, and what has been given for it."""

    def __init__(self, declared: EarlyRoute) -> None:
        self.declared = declared
        self.is_id = declared.is_id
        self.tallies: dict[tuple[bytes, int], Tally] = {}

    def tally(self, method: bytes, status: int) -> Tally:
        """A new one, of hits with this status or of refusals."""
        tally = self.tallies[method, status] = Tally(method.decode(), self.declared, status, is_hit=status < 400)
        return tally
