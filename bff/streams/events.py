"""The events of a stream of an aggregate: begin, part, complete and end."""

from collections.abc import Sequence
from typing import Final

import msgspec

from bff.aggregates.kind import AggregateKind
from bff.streams.state import State, Told
from shared import codec
from shared.http.streams.event import Event

PART: Final = "part"


def begin(kind: AggregateKind, identifier: str, names: Sequence[str], *, live: bool) -> Event:
    """The first event: whom it is about, and which parts will come."""
    return Event("begin", codec.document({kind.parameter: identifier, "parts": names, "live": live}))


def part(name: str, told: Told) -> Event:
    """A part, whenever it is known, or has become another."""
    return Event(PART, b'{"name":"%b","provenance":%b,"value":%b}' % (name.encode(), told.provenance, told.value))


def complete(state: State, *, unchanged: bool = False) -> Event:
    """All parts have been told; ``unchanged``: the client has them already."""
    more = b',"unchanged":true' if unchanged else b""
    return Event(
        "complete", b'{"metadata":%b,"etag":%b%b}' % (state.metadata, codec.document(state.etag), more), state.id
    )


def end_with(problem: bytes) -> Event:
    """Nothing more will come: ``problem`` is the document that would have been the answer."""
    return Event("end", codec.encode({"reason": "problem", "problem": msgspec.Raw(problem)}))
