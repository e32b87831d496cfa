"""Whether one instance is kept out for a while: outlier detection as in Envoy, for failures in a row. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EjectionRules:
    """When an instance is kept out, and for how long.

    Attributes:
        failures: in a row.
        seconds: for the first time; as many more each time that it fails again soon after.
        longest: seconds, at most.
    """

    failures: int = 5
    seconds: float = 30.0
    longest: float = 300.0


class Ejection:
    """The failures of one instance; who ejects it decides whether there are enough others.

    Attributes:
        until: when it is to return; in the past where it is not out.
    """

    __slots__ = ("_count", "_in_a_row", "_rules", "until")

    def __init__(self, rules: EjectionRules = EjectionRules()) -> None:
        self._rules = rules
        self._in_a_row = 0
        self._count = 0
        self.until = 0.0

    def succeeded(self) -> None:
        """It has given an answer."""
        self._in_a_row = 0

    def failed(self) -> bool:
        """It has not; tells whether it is time to eject it."""
        self._in_a_row += 1
        return self._in_a_row >= self._rules.failures

    def eject(self, now: float) -> float:
        """It is out from ``now`` on; tells for how many seconds.

        What happened before counts unless it has been well since for as long as it was out.
        """
        if now - self.until > self._duration():
            self._count = 0
        self._count += 1
        self._in_a_row = 0
        self.until = now + self._duration()
        return self._duration()

    def _duration(self) -> float:
        return min(self._rules.seconds * self._count, self._rules.longest)
