"""The terms of a rate limit: a rate by name, and what follows from it for one of several processes."""

from typing import Final

from shared.edge.ledger import Ledger
from shared.edge.rate import Rate
from shared.observing import metrics


class Terms:
    """What holds for every subject of one limit.

    Attributes:
        share: what a process may spend in a window without asking anybody.
        first, most: sizes of leases; the later ones are larger, towards the end of a quota they are smaller again.
        low: when so little is left of a lease, the next is asked for.
        ledger: what all processes share; None where this is to be had by shares alone.
    """

    def __init__(self, name: str, rate: Rate, processes: int, ledger: Ledger | None) -> None:
        """``processes`` is their number, this one included."""
        self.name: Final = name
        self.quota, self.seconds = rate
        self.processes = processes
        self.ledger = ledger
        self.share = max(1, self.quota // processes)
        self.first = max(1, self.quota // 50)
        self.most = max(1, self.quota // 10)
        self.low = max(2, self.most // 5)
        self.subjects = metrics.rate_limit_subjects.labels(name)
        self.refused = metrics.rate_limited.labels(name)
        self.granted, self.exhausted, self.unavailable = (
            metrics.rate_limit_leases.labels(name, outcome) for outcome in metrics.LEASE_OUTCOMES
        )


def policy(name: str, rate: Rate) -> str:
    """An item of ``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers-11)."""
    return f'"{name}";q={rate.quota};w={rate.seconds}'
