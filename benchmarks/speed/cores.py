"""Which processors the gateway has to itself, and which are for everything that loads it."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(frozen=True)
class Placement:
    """Processors by their numbers; ``shared`` when some are for both, so that load and gateway take from each other."""

    gateway: frozenset[int]
    load: frozenset[int]

    @property
    def shared(self) -> bool:
        """Whether the two get in each other's way."""
        return bool(self.gateway & self.load)


def place(cores: AbstractSet[int], workers: int) -> Placement:
    """The first ``workers`` processors for the gateway; for the load the last one or, of more than three, two."""
    ordered = sorted(cores)
    load = frozenset(ordered[-(2 if len(ordered) > 3 else 1) :])
    return Placement(frozenset(ordered[:workers]), load)
