"""What is known so far of a load under way, for those who do not want to wait for its end."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.observing.logs import log_error

T = TypeVar("T")
Listen = Callable[[str, object], None]
"""Told the name of a piece, and what it is; of one that has become another, once more."""


class Progress:
    """The pieces of one load that are known; whoever begins to listen late is told them all."""

    __slots__ = ("_known", "_listeners")

    def __init__(self) -> None:
        self._known: dict[str, object] = {}
        self._listeners: list[Listen] = []

    def told(self, name: str, piece: T) -> T:
        """The ``piece`` of this name, of which all who listen are told that it is known."""
        self._known[name] = piece
        for listen in self._listeners:
            _tell(listen, name, piece)
        return piece

    def add(self, listen: Listen) -> None:
        """Tell ``listen`` all that is known, and what becomes known."""
        for name, piece in self._known.items():
            _tell(listen, name, piece)
        self._listeners.append(listen)

    async def listening(self, listen: Listen, load: Awaitable[T]) -> T:
        """What ``load`` gives; tell ``listen`` until then all that is known, and what becomes known."""
        self.add(listen)
        try:
            return await load
        finally:
            self._listeners.remove(listen)


def _tell(listen: Listen, name: str, piece: object) -> None:
    try:
        listen(name, piece)
    except Exception as error:  # noqa: BLE001 - one who listens badly spoils nobody's load
        log_error("unexpected error", "cache", error)
