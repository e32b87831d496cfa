"""An estimate of Redis's clock, without asking each time. Pure; its readings are passed in.

An instant by Redis's clock is the only one that all processes can tell alike, on whatever machines they run. Between
two readings it follows this machine's clock since boot, which nobody sets and which goes on while the machine
sleeps. The answer to a question is between the clock when it was asked and the clock when it arrived (F.
Cristian, "Probabilistic clock synchronization", 1989), so what is known of the difference has two ends. Whoever says
when something was stored takes the earlier one, and whoever says how old something is the later one, so nothing is ever
taken for younger than it is.
"""

import math
from typing import Final

from shared.deadline import Clock, since_boot

STEP_SECONDS: Final = 0.1
"""A smaller difference from one look to the next is a clock that is being adjusted, and is followed."""


class RedisClock:
    """The clock of one Redis, as far as it is known."""

    def __init__(self, machine: Clock = since_boot) -> None:
        """``machine`` is this machine's own clock."""
        self.machine = machine
        self._low = self._high = 0.0
        self._floor = -math.inf

    def synchronize(self, asked_at: float, said: float) -> bool:
        """Take what Redis has ``said`` (seconds since the epoch) when it was ``asked_at`` an instant of our clock.

        Tells whether its clock was set back, so that what was stored before would seem younger than it is.
        """
        self._low, self._high = said - self.machine(), said - asked_at
        was_set_back = self._high < self._floor - STEP_SECONDS
        # An answer that was read late says little about the earlier end.
        is_close = was_set_back or self._low > self._floor - STEP_SECONDS
        self._floor = self._low if is_close else min(self._floor, self._high)
        return was_set_back

    def earliest_ms(self) -> int:
        """Milliseconds since the epoch that it says now, or less."""
        return int((self.machine() + self._low) * 1000)

    def latest_ms(self) -> int:
        """Milliseconds since the epoch that it says now, or more."""
        return int((self.machine() + self._high) * 1000) + 1
