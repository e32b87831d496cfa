"""How much is measured: enough for figures, or just enough to see that everything runs."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes:
        streams: so many stay open at a time.
        samples: of each way of asking, for the time to the first part.
        changes: so often something changes for all who look.
        idle: seconds in which nothing happens; with 15 every stream has a heartbeat.
        turns: so often hits are measured without and with streams, each time for ``turn`` seconds.
        load: seconds of mixed load under which memory is looked at.
        slack: by how much bounds of what depends on the machine are wider than they are.
    """

    streams: int = 1_000
    samples: int = 40
    changes: int = 20
    idle: float = 45.0
    turns: int = 7
    turn: int = 3
    load: float = 60.0
    slack: float = 1.0


SHORT: Final = Plan(streams=300, samples=3, changes=1, idle=0.5, turns=1, turn=1, load=3.0, slack=10.0)
"""To see that it runs: figures of so short a time are worth little, and most bounds are ten times as wide."""
