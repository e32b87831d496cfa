"""A load as whoever carries it out sees it, and what comes of it."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

import msgspec

from shared.cache.cache import Cache, Value
from shared.cache.entry import Entry
from shared.cache.progress import Progress
from shared.cache.tags import are_tags, bounded, is_tag
from shared.cache.token import Token
from shared.deadline import Deadline

T = TypeVar("T")


class LoadResult(msgspec.Struct, Generic[T]):
    """The result of a load for those who wait, and the ``values`` to store, under its key or others.

    ``cut_short``: whether it might have given more, had its deadline been later.
    """

    result: T
    values: Sequence[Value]
    cut_short: bool = False


class Outcome(msgspec.Struct, Generic[T]):
    """How a value was obtained: ``entry`` from Redis, or ``loaded`` just now.

    Attributes:
        asked_redis: whether Redis was asked and had none.
        joined: whether somebody else had begun the load.
        stored: whether what was loaded is kept.
        cut_short: whether it might have given more, had its deadline been later.
        error: what it failed with, when it was cut short so that it could give nothing.
    """

    entry: Entry | None
    loaded: T | None
    asked_redis: bool
    joined: bool = False
    stored: bool = False
    cut_short: bool = False
    error: Exception | None = None


class Loading(msgspec.Struct, eq=False):
    """A load under way, as whoever carries it out sees it.

    Attributes:
        deadline: until when it has time.
        early: whether it replaces a value before its time, and ought to last.
        token: the right to keep what it gives.
        own: the tags that follow from its key.
        tags: further ones of all that it depends on.
        is_blind: whether Redis does not tell of changes, so that :meth:`read_stamps` is to be called before asking.
        progress: tells those who listen what is known of it so far.
    """

    deadline: Deadline
    early: bool
    token: Token
    _cache: Cache
    own: Sequence[str] = ()
    tags: dict[str, None] = msgspec.field(default_factory=dict)
    is_blind: bool = False
    progress: Progress = msgspec.field(default_factory=Progress)

    def extend_to(self, key: str) -> None:
        """Let the token stand for another key too; call it before the value of that key is asked for."""
        self._cache.extend_token(self.token, key)

    def depend_on(self, tags: Iterable[str], *, checked: bool = False) -> None:
        """What it gives is outdated by these ``tags`` too; call it before what carries them is asked for, if possible.

        What is no tag is ignored: nobody can purge it. ``checked``: there is none of that.
        """
        further = dict.fromkeys(tags)
        for known in (*self.own, *self.tags):
            further.pop(known, None)
        if not checked and further and not are_tags(further):
            further = dict.fromkeys(filter(is_tag, further))
        if further:
            self.tags.update(further)
            self._cache.tag_token(self.token, self.token.keys[0], further)

    @property
    def further_tags(self) -> tuple[str, ...]:
        """Those that do not follow from its key, in as many as an entry may have."""
        return bounded(self.tags)

    def tag(self, key: str, tags: Iterable[str]) -> None:
        """What is kept under another key is outdated by these ``tags`` too, and so is what the load gives."""
        self._cache.tag_token(self.token, key, tags)
        self.depend_on(tags)

    async def read_stamps(self) -> None:
        """See to it that all of this can be kept where Redis does not tell of changes."""
        await self._cache.read_stamps(self.token)

    def forget(self, key: str) -> None:
        """Drop what is kept under another key: there is no such thing any more."""
        self._cache.forget(self.token, key)


Load = Callable[[Loading], Awaitable[LoadResult[T]]]
