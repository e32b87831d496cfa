"""Bounds on batch calls: ids, concurrency and time."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is asked for, and for how long.

    Attributes:
        max_ids: ids for one aggregate, at most; the first ones.
        max_calls: requests at once for one aggregate, at most.
        call_timeout: seconds that a call has even if who began it has less left.
    """

    max_ids: int
    max_calls: int
    call_timeout: float
