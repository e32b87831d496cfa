"""When a second instance is asked as well, and how often: after the 95th percentile, within a budget. Pure.

Dean and Barroso, *The Tail at Scale* (2013): a second request after the 95th percentile adds some 5 % of load.
"""

from collections import deque
from typing import Final

CALLS: Final = 100
_PERCENTILE: Final = 95
_REFRESHED_AFTER: Final = 20
MIN_SECONDS: Final = 0.010
BUDGET: Final = 0.05
_MAX_SAVED: Final = 5.0


class HedgePace:
    """How long the calls to one service have taken, and what is left to hedge with.

    Attributes:
        delay: after so many seconds a call is late; None while too few are known.
    """

    def __init__(self, budget: float = BUDGET) -> None:
        """``budget`` is the share of calls that may be hedged."""
        self._budget = budget
        self._saved = 0.0
        self._durations: deque[float] = deque(maxlen=CALLS)
        self._since_refresh = 0
        self.delay: float | None = None

    def observe(self, seconds: float) -> None:
        """A call took so long, or was given up after so long; it adds to the budget."""
        self._saved = min(self._saved + self._budget, _MAX_SAVED)
        self._durations.append(seconds)
        self._since_refresh += 1
        if self._since_refresh >= _REFRESHED_AFTER and len(self._durations) == CALLS:
            self._since_refresh = 0
            self.delay = max(sorted(self._durations)[_PERCENTILE * CALLS // 100 - 1], MIN_SECONDS)

    def acquire(self) -> bool:
        """Take one hedge out of the budget; false when there is none."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
