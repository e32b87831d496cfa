"""``python -m benchmarks.speed.open_loop.generator OFFER``: makes the load, and prints what came of it; JSON both.

A process of its own, so that neither the services nor anything else of the benchmark makes it late by sharing its
interpreter. One request at a time on a connection, without an event loop: ``select`` waits by the microsecond, where
timers of libuv go by the millisecond.
"""

import ctypes
import gc
import select
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from benchmarks.common.ports import LOCAL
from benchmarks.speed.open_loop.answers import is_hit, is_right, is_whole
from benchmarks.speed.open_loop.figures import Figures, figures
from benchmarks.speed.open_loop.ledger import Ledger
from benchmarks.speed.open_loop.schedule import Schedule, schedule

_LEAD_SECONDS: Final = 0.02
_PATIENCE_SECONDS: Final = 5.0
"""So long after the last request was due those without an answer are given up."""
_AT_ONCE: Final = 16
"""Answers that are read before it is looked again whether something is due."""
_MOST_BYTES: Final = 262_144
_PR_SET_TIMERSLACK: Final = 29


@dataclass(frozen=True)
class Offer:
    """What is asked of the server on ``port``; see ``schedule``.

    Attributes:
        connections: kept alive; more than that are not under way at once, and what is due waits for one of them.
        services: seconds that the services take for a new user.
    """

    port: int
    rate: float
    seconds: float
    misses: float
    first: int
    seed: int
    connections: int
    services: float


def offer(asked: Offer) -> Figures:
    """Make the load; returns when all is answered, or given up.

    Raises:
        OSError: nothing listens there.
    """
    planned = schedule(asked.rate, asked.seconds, misses=asked.misses, first=asked.first, seed=asked.seed)
    load = _Load(asked, planned)
    try:
        seconds, unanswered = load.run()
    finally:
        load.close()
    return figures(
        load.ledger.latencies,
        load.ledger.lags,
        planned.new,
        services=asked.services,
        seconds=seconds,
        hits=load.hits,
        unanswered=unanswered,
        wrong=load.wrong,
    )


class _Load:
    def __init__(self, asked: Offer, planned: Schedule) -> None:
        self.ledger = Ledger(planned.due, asked.connections)
        self.hits = 0
        self.wrong = 0
        self._until = asked.seconds + _PATIENCE_SECONDS
        self._requests, self._marks = _requests(planned.paths)
        self._address = (LOCAL, asked.port)
        self._epoll = select.epoll()
        self._parts = [b""] * asked.connections
        self._by_descriptor: dict[int, int] = {}
        self._sockets = [self._connected(connection) for connection in range(asked.connections)]

    def run(self) -> tuple[float, int]:
        """Seconds until the last answer, and how many requests had none."""
        clock, ledger, sockets, requests = time.perf_counter, self.ledger, self._sockets, self._requests
        poll, wait = self._epoll.poll, select.select
        watched = (self._epoll,)
        begun = clock() + _LEAD_SECONDS
        now = clock() - begun
        while not ledger.is_over and now < self._until:
            while (taken := ledger.take(clock() - begun)) is not None:
                number, connection = taken
                try:
                    sockets[connection].send(requests[number])
                except OSError:  # the server has ended it meanwhile
                    self._connect_again(connection)
                    sockets[connection].send(requests[number])
            now = clock() - begun
            idle = min(ledger.next_due(), self._until) - now
            if idle > 0:
                wait(watched, (), (), idle)
            for descriptor, _ in poll(0, _AT_ONCE):
                self._read(self._by_descriptor[descriptor], begun)
            now = clock() - begun
        return now, ledger.give_up(now)

    def close(self) -> None:
        """End all connections."""
        self._epoll.close()
        for one in self._sockets:
            one.close()

    def _read(self, connection: int, begun: float) -> None:
        try:
            data = self._sockets[connection].recv(_MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = time.perf_counter() - begun
        number = self.ledger.asking(connection)
        if number is None or not data:  # it says something unasked, or ends
            self._connect_again(connection)
            if number is not None:
                self.wrong += 1
                self.ledger.answered(connection, now)
            return
        if self._parts[connection]:
            data = self._parts[connection] + data
        try:
            self._parts[connection] = b"" if is_whole(data) else data
        except ValueError:
            self._connect_again(connection)
            data = b""
        if not self._parts[connection]:
            self.ledger.answered(connection, now)
            self.wrong += not is_right(data, self._marks[number])
            self.hits += is_hit(data)

    def _connect_again(self, connection: int) -> None:
        old = self._sockets[connection]
        del self._by_descriptor[old.fileno()]
        old.close()
        self._parts[connection] = b""
        self._sockets[connection] = self._connected(connection)

    def _connected(self, connection: int) -> socket.socket:
        made = socket.create_connection(self._address)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
        self._by_descriptor[made.fileno()] = connection
        self._epoll.register(made.fileno(), select.EPOLLIN)
        return made


def _requests(paths: Sequence[str]) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """The bytes of each request, and what the answer must have in it; those for the same user once."""
    made = {path: f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in set(paths)}
    marks = {path: f'"{path.rpartition("/")[2]}"'.encode() for path in made}
    return [made[path] for path in paths], [marks[path] for path in paths]


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1)  # nanoseconds, by which it may be woken late
    gc.disable()
    told = offer(msgspec.json.decode(sys.argv[1], type=Offer))
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
