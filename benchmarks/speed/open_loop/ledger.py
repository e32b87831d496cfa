"""Who is owed an answer: requests that are due, connections that are free, and what is late by whose fault.

There is no clock in here: instants are given, in seconds from the beginning.
"""

from array import array
from collections import deque
from collections.abc import Sequence
from math import inf
from typing import Final

_NONE: Final = -1


class Ledger:
    """Requests by their numbers in the order in which they are ``due``, each sent on a connection that is free.

    A request that finds none stays owed, and is sent before all that are due later. Its latency counts from when it was
    due.

    Attributes:
        latencies: seconds from when a request was due until its answer; below 0 while it has none.
        lags: by how many seconds each was sent later than was possible: it was due, and a connection free. That much of
            its latency is the load generator's.
    """

    def __init__(self, due: Sequence[float], connections: int) -> None:
        self.latencies = array("d", [_NONE]) * len(due)
        self.lags = array("d")
        self._due = due
        self._sent = 0
        self._open = len(due)
        self._free = deque((connection, 0.0) for connection in range(connections))
        self._asking = [_NONE] * connections

    @property
    def is_over(self) -> bool:
        """Whether every request has had its answer."""
        return not self._open

    def next_due(self) -> float:
        """When the next request can be sent; infinity when only an answer can change that."""
        return self._due[self._sent] if self._free and self._sent < len(self._due) else inf

    def take(self, now: float) -> tuple[int, int] | None:
        """The next request to send at once, and its connection; None while there is none."""
        if self.next_due() > now:
            return None
        number, (connection, since) = self._sent, self._free.popleft()
        self._sent += 1
        self._asking[connection] = number
        self.lags.append(now - max(self._due[number], since))
        return number, connection

    def asking(self, connection: int) -> int | None:
        """The request that is under way there."""
        number = self._asking[connection]
        return None if number == _NONE else number

    def answered(self, connection: int, now: float) -> None:
        """The request under way there has its answer, or will never have one."""
        number = self._asking[connection]
        self._asking[connection] = _NONE
        self.latencies[number] = now - self._due[number]
        self._open -= 1
        self._free.append((connection, now))

    def give_up(self, now: float) -> int:
        """Count those that have no answer with the time that they have waited so far; how many they are."""
        for number, latency in enumerate(self.latencies):
            if latency < 0:
                self.latencies[number] = now - self._due[number]
        return self._open
