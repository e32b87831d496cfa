"""How much is asked for at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is asked for, and for how long.

    Attributes:
        an_aggregate: ids for one aggregate, at most; the first ones.
        at_once: requests at once for one aggregate, at most.
        patience: seconds that a call has even if who began it has less left.
    """

    an_aggregate: int
    at_once: int
    patience: float
