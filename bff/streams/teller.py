"""Tells one client of an aggregate: each part when it is known, and again when it has become another."""

from collections.abc import Callable, Collection, Container, Iterable
from typing import Final

from bff.parts.part import Part
from bff.streams import events
from bff.streams.state import State, Told
from shared.http.streams.event import Event

Send = Callable[[Collection[Event]], None]
_NULL: Final = b"null"


class Teller:
    """What one client has been told.

    Nothing is until there is a part that has a value, or all is known: till then there may be nothing to give, which is
    an answer of another kind.
    """

    def __init__(
        self, begin: Event, required: Container[str], send: Send, began: Callable[[], None], *, has_id: bool = False
    ) -> None:
        """``begin`` goes before everything else, which calls ``began`` first.

        Of parts that are ``required`` nobody is told that there is none: then there is nothing at all. ``has_id``: the
        client has named a state.
        """
        self._has_id = has_id
        self._begin: Event | None = begin
        self._required = required
        self._send = send
        self._began = began
        self._told: dict[str, Told] = {}

    @property
    def has_begun(self) -> bool:
        """Whether anything has been told."""
        return self._begin is None

    def hear(self, name: str, piece: object) -> None:
        """A part is known; it may become another."""
        if not isinstance(piece, Part) or piece.status == "omitted" or (piece.is_absent and name in self._required):
            return
        told = Told.of(piece)
        if self._told.get(name) == told:
            return
        self._told[name] = told
        if self._begin is None:
            self._send([events.part(name, told)])
        elif told.value != _NULL:
            self._start([events.part(*one) for one in self._told.items()])

    def complete(self, state: State) -> None:
        """All is known: tell what has not been told like this, and that this is all."""
        changed = {name: told for name, told in state.parts.items() if self._told.get(name) != told}
        self._told |= changed
        told = [*(events.part(*one) for one in changed.items()), events.complete(state)]
        if self._begin is None:
            self._send(told)
        else:
            early = [events.part(*one) for one in self._told.items() if one[0] not in changed]
            self._start([*early, *told])

    def confirm(self, state: State) -> None:
        """The client has all of it already."""
        self._told |= state.parts
        self._start([events.complete(state, unchanged=True)])

    def _start(self, first: Iterable[Event]) -> None:
        begin, self._begin = self._begin, None
        if begin is not None:
            self._began()
            one, *rest = first
            self._send([begin, one._replace(forgets=self._has_id and one.name == events.PART), *rest])
