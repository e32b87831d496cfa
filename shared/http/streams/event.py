"""An event of a stream, and the two forms that streams have: Server-Sent Events and JSON Lines."""

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol


class Event(NamedTuple):
    """One event: ``name`` is a plain word, ``data`` JSON on one line, ``id`` visible ASCII or "" for none.

    ``forgets`` is whether what the client has is no longer the state whose id it was told last.
    """

    name: str
    data: bytes
    id: str = ""
    forgets: bool = False


class StreamFormat(Protocol):
    """How events are written.

    Attributes:
        media_type: of the stream.
        heartbeat: tells nothing but that the connection lives.
    """

    media_type: str
    heartbeat: bytes

    def encode(self, events: Iterable[Event]) -> bytes:
        """These ``events``, each complete."""
        ...

    def encode_last(self, event: Event, retry_ms: int | None) -> bytes:
        """An ``event`` after which the client is to wait for so long, where the format can say so, if it comes back."""
        ...


class _ServerSentEvents(StreamFormat):
    """https://html.spec.whatwg.org/multipage/server-sent-events.html.

    Browsers keep the last id: an empty one makes them forget it.
    """

    media_type = "text/event-stream"
    heartbeat = b":\n\n"

    def encode(self, events: Iterable[Event]) -> bytes:
        return b"".join(
            [
                b"event: %b\nid: %b\ndata: %b\n\n" % (name.encode(), tag.encode(), data)
                if tag or forgets
                else b"event: %b\ndata: %b\n\n" % (name.encode(), data)
                for name, data, tag, forgets in events
            ]
        )

    def encode_last(self, event: Event, retry_ms: int | None) -> bytes:
        retry = b"" if retry_ms is None else b"retry: %d\n" % retry_ms
        return retry + self.encode([event])


class _JSONLines(StreamFormat):
    """https://jsonlines.org; a line each, and an empty one for a heartbeat."""

    media_type = "application/jsonl"
    heartbeat = b"\n"

    def encode(self, events: Iterable[Event]) -> bytes:
        return b"".join(
            [
                b'{"event":"%b","id":"%b","data":%b}\n' % (name.encode(), tag.encode(), data)
                if tag
                else b'{"event":"%b","data":%b}\n' % (name.encode(), data)
                for name, data, tag, _ in events
            ]
        )

    def encode_last(self, event: Event, retry_ms: int | None) -> bytes:  # noqa: ARG002 - there is no place for it
        return self.encode([event])


SERVER_SENT_EVENTS: Final[StreamFormat] = _ServerSentEvents()
JSON_LINES: Final[StreamFormat] = _JSONLines()
FORMATS: Final = (SERVER_SENT_EVENTS, JSON_LINES)
"""Of formats that a client likes equally the first is taken."""


class Wire(NamedTuple):
    """How events go over a connection: in which ``format``, and whether in chunks (RFC 9112 §7.1) or to its end."""

    format: StreamFormat
    is_chunked: bool

    @property
    def last(self) -> bytes:
        """What comes behind all events."""
        return b"0\r\n\r\n" if self.is_chunked else b""

    def framed(self, data: bytes) -> bytes:
        """``data``, of which there is some, as it goes over the connection."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self.is_chunked else data
