"""When a component is started, stopped and started again. Pure: time and state are passed in."""

import enum
from dataclasses import dataclass

from deploy.local.status import Phase


class Action(enum.Enum):
    """What is to be done now."""

    WAIT = enum.auto()
    START = enum.auto()
    TERMINATE = enum.auto()
    KILL = enum.auto()
    END = enum.auto()


@dataclass(frozen=True, slots=True)
class RestartDelays:
    """How long things take, in seconds.

    Attributes:
        first: Between a death and the next start; long enough for a person to see the system without it.
        longest: It doubles with each death up to this.
        steady: Having lived that long, a death counts as the first again.
        grace: Between SIGTERM and SIGKILL. The supervisor kills keepers five seconds after the first has ended,
            so it is less than that.
    """

    first: float = 5.0
    longest: float = 30.0
    steady: float = 60.0
    grace: float = 4.0


class RestartPolicy:
    """The life of one component.

    Args:
        pauses: How long things take.
    """

    def __init__(self, pauses: RestartDelays = RestartDelays()) -> None:
        self._pauses = pauses
        self._pause = 0.0
        self._running = False
        self._started = 0.0
        self._asked: float | None = None
        self._held = False
        self.next_start: float | None = None
        self.deaths = 0

    @property
    def phase(self) -> Phase:
        """What is being done with the component."""
        if self._running:
            return Phase.RUNNING if self._asked is None else Phase.STOPPING
        return Phase.HELD if self._held else Phase.PAUSING

    def step(self, now: float, *, alive: bool, hold: bool, end: bool) -> Action:
        """Return what is to be done.

        Args:
            now: An instant in seconds.
            alive: Whether the component's process runs.
            hold: Whether a person wants it stopped.
            end: Whether the keeper is to end.
        """
        if alive:
            return self._stop(now) if hold or end or self._asked is not None else Action.WAIT
        if self._running:
            self._died(now)
        self._held = hold
        if end:
            return Action.END
        if hold:
            self.next_start = None
            return Action.WAIT
        if self.next_start is not None and now < self.next_start:
            return Action.WAIT
        self._running, self._started, self.next_start = True, now, None
        return Action.START

    def _stop(self, now: float) -> Action:
        if self._asked is None:
            self._asked = now
            return Action.TERMINATE
        return Action.KILL if now - self._asked >= self._pauses.grace else Action.WAIT

    def _died(self, now: float) -> None:
        self._running = False
        if self._asked is not None:
            self._asked, self._pause = None, 0.0
            return
        self.deaths += 1
        steady = now - self._started >= self._pauses.steady
        doubled = min(self._pause * 2, self._pauses.longest)
        self._pause = self._pauses.first if steady or not self._pause else doubled
        self.next_start = now + self._pause
