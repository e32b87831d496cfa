"""A stream that stays open: its connection is its own, and nothing of the request is kept but what its end needs."""

from collections.abc import Callable
from contextvars import Context
from typing import Final, NamedTuple, Protocol

from shared.edge.principal import Principal
from shared.http.exchange import Exchange
from shared.http.slow_readers import unread_bytes
from shared.http.streams.event import Wire
from shared.http.streams.stream import Stream
from shared.observing.tracing import current_trace

BEHIND_BYTES: Final = 16 * 1024
"""A client for which more than this waits gets nothing more until it has read that: then the newest state alone."""
_PATIENCE: Final = 2
"""So many heartbeats a client may let pass without reading anything of what waits for it."""


class Connection(Protocol):
    """A connection that a stream has to itself."""

    def hand_over(self, stream: "LiveStream") -> None:
        """Tell ``stream`` alone from now on what becomes of it."""
        ...

    def release(self) -> None:
        """Close it when all has been sent."""
        ...


class Term(NamedTuple):
    """When a stream ends by itself (monotonic clock), and for what reason."""

    at: float
    reason: str


class LiveStream(Stream):
    """One that stays.

    Attributes:
        subject: whose place it has.
        principal: who reads it; None where nobody is known.
        term: when it ends.
        version: of the state that its client was told last.
        is_behind: whether its client has yet to read what it was sent.
        on_end: called once, when it is over.
        on_read: called when a client that was behind has read everything.
    """

    stays = True

    __slots__ = (
        "_connection",
        "_labels",
        "_passed",
        "_read",
        "is_behind",
        "on_end",
        "on_read",
        "principal",
        "subject",
        "term",
        "version",
    )

    def __init__(self, wire: Wire, exchange: Exchange, subject: str, principal: Principal | None, term: Term) -> None:
        super().__init__(wire, exchange)
        self.subject = subject
        self.principal = principal
        self.term = term
        self.version = 0
        self.is_behind = False
        self.on_end: list[Callable[[LiveStream], None]] = []
        self.on_read: Callable[[LiveStream], None] | None = None
        self._connection: Connection | None = None
        self._labels: tuple[str, str] | None = None
        self._passed = 0
        self._read = 0

    @property
    def is_staying(self) -> bool:
        """Whether it has a connection to itself."""
        return self._connection is not None

    def stay(self, connection: Connection, labels: tuple[str, str]) -> None:
        """Have the ``connection`` from now on; ``labels`` are method and endpoint of its line in the log."""
        self._connection = connection
        self._labels = labels
        exchange = self.exchange
        exchange.logged = False  # not before it ends
        exchange.caller, exchange.diagnostics = None, {}
        connection.hand_over(self)

    def end(self, reason: str) -> None:
        """It is over, and logged; a second call does nothing."""
        if self.ended:
            return
        super().end(reason)
        for told in self.on_end:
            told(self)
        self.on_end, self.on_read = [], None
        if self._labels:
            self.exchange.logged = True
            Context().run(self._log, *self._labels)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()

    def abort(self, reason: str) -> None:
        """End it for a client that takes nothing any more."""
        if self._transport is not None:
            self._transport.abort()
        self.end(reason)

    def lost(self) -> None:
        """Its client has left."""
        self._connection = self._transport = None
        self.end("left")

    def pause(self) -> None:
        """Too much waits to be read."""
        self.is_behind = True

    def resume(self) -> None:
        """All of that has been read."""
        self.is_behind = False
        if self.on_read is not None:
            self.on_read(self)

    def beat(self) -> bool:
        """Show that the connection lives; returns whether its client has read anything lately, if there was any."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return True
        unread = unread_bytes(transport)
        read = self.written - unread
        self._passed = self._passed + 1 if unread and read <= self._read else 0
        self._read = read
        if self._passed >= _PATIENCE:
            return False
        if not self.is_behind:
            self.write(self.wire.framed(self.wire.format.heartbeat))
        return True

    def _log(self, method: str, endpoint: str) -> None:
        current_trace.set(self.exchange.trace)
        self.exchange.record(method, endpoint, 200)
