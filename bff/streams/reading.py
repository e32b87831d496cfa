"""What live streams need to know of an aggregate, and how they find it out."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from bff.streams.state import State
from shared.cache.progress import Listen
from shared.deadline import Clock


class Watching(Protocol):
    """A cache that tells who watches."""

    def watch(self, name: str, told: Callable[[], None]) -> None:
        """Call ``told`` whenever what is under this key, or carries this tag, may be another."""
        ...

    def unwatch(self, name: str, told: Callable[[], None]) -> None:
        """Call it no more."""
        ...


class Known(NamedTuple):
    """A state, and the tags of what it was made of."""

    state: State
    tags: Sequence[str]


class Kept(NamedTuple):
    """What memory has: its entity tag, and the instant (the cache's clock) until when it is current."""

    etag: str
    fresh_until: float


class Reading(NamedTuple):
    """How the hub finds out about the aggregate of an id.

    Attributes:
        path: of the id, for problems.
        key: under which it is kept.
        clock: the cache's.
        peek: what memory has of it, if that is current.
        look: what the cache has of it; None for nothing.
        load: all that can be had, asked for if need be; raises what there is instead.
    """

    path: Callable[[str], str]
    key: Callable[[str], str]
    clock: Clock
    peek: Callable[[str], Kept | None]
    look: Callable[[str], Awaitable[Known | None]]
    load: Callable[[str, Listen], Awaitable[Known]]
