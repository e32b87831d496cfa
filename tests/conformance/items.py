"""What a stream is made of, in whichever form it comes, and what is said of bytes that are not of that form."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson


class Event(NamedTuple):
    """An event; ``data`` is as it came. Server-Sent Events may have a ``retry``, in milliseconds, and an empty id."""

    name: str
    id: str | None
    data: bytes
    retry: int | None = None

    @property
    def document(self) -> Any:
        """The JSON of its data."""
        return orjson.loads(self.data)


class Heartbeat(NamedTuple):
    """What may stand between events and is none (§4.3)."""

    name: Literal["heartbeat"] = "heartbeat"


Item = Event | Heartbeat


class Malformed(ValueError):
    """Bytes that are not of the form."""


@dataclass(frozen=True)
class Form:
    """A form of streams.

    Attributes:
        media_type: asks for it, and names it in answers.
        end: of each of its items.
        read: one item out of its bytes without that end; raises ``Malformed``.
        write: the bytes of an item, its end included.
    """

    media_type: str
    end: bytes
    read: Callable[[bytes], Item]
    write: Callable[[Item], bytes]

    def items(self, body: bytes) -> list[Item]:
        """All in a whole body.

        Raises:
            Malformed: it holds anything else.
        """
        *pieces, rest = body.split(self.end)
        if rest:
            raise Malformed(f"it breaks off in {rest!r}")
        return [self.read(piece) for piece in pieces]


def data_of(raw: bytes) -> bytes:
    """The data of an event, which is a JSON object without line breaks (§4)."""
    try:
        document = orjson.loads(raw)
    except ValueError as error:
        raise Malformed(f"{raw!r} is no JSON") from error
    if not isinstance(document, dict):
        raise Malformed(f"{raw!r} is no JSON object")
    return raw
