"""Reconnect backoff: how long to wait before Redis is tried again; pure, with an injected clock.

A Redis that cannot be reached, or does not pass its probe, is tried with growing pauses, at least once a second. One
that comes up and falls again and again, as it may when only real data is too much for it, costs a new connection and an
empty memory each time: its pause doubles each time, until it has stayed up for a while.
"""

from typing import Final

from shared.deadline import Clock

FIRST_SECONDS: Final = 0.05
MAX_FAILURE_SECONDS: Final = 1.0
MAX_LOSS_SECONDS: Final = 5.0
STEADY_SECONDS: Final = 10.0


class Backoff:
    """The next pause, all in seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._up_since = clock()
        self._absent = self._fallen = FIRST_SECONDS

    def connected(self) -> None:
        """Redis is used from now on."""
        self._up_since = self._clock()
        self._absent = FIRST_SECONDS

    def after_loss(self) -> float:
        """The pause after Redis was used until now."""
        if self._clock() - self._up_since >= STEADY_SECONDS:
            self._fallen = FIRST_SECONDS
        pause, self._fallen = self._fallen, min(2 * self._fallen, MAX_LOSS_SECONDS)
        return pause

    def after_failure(self) -> float:
        """The pause after an attempt that came to nothing."""
        pause, self._absent = self._absent, min(2 * self._absent, MAX_FAILURE_SECONDS)
        return pause
