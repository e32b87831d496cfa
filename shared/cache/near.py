"""The memory tier's state: what is in it, and whether it may be believed. Pure; clock and events are told to it.

A lookup is one synchronous call. Who means to put something here later (because it is being read from Redis, or loaded)
takes a token first. Whatever invalidates the key meanwhile kills the token, so a reply in flight never overwrites a
later invalidation.
"""

import enum
import time
from collections.abc import Callable, Iterable

from shared.cache.entry import NO_STAMP, Entry
from shared.cache.keys import Keys
from shared.cache.memory import MemoryStore
from shared.deadline import Clock


class Trust(enum.Enum):
    """How far the memory tier may be believed."""

    COHERENT = "coherent"
    """Redis is well and tells of every change: what is here is what is there."""
    BLIND = "blind"
    """Redis is well but does not tell of changes: memory is filled and not asked."""
    UNCERTAIN = "uncertain"
    """The connection to Redis was lost just now; whether Redis is gone is not known yet."""
    ALONE = "alone"
    """There is no Redis: memory is the cache."""


_BELIEVED = (Trust.COHERENT, Trust.ALONE)


class Token:
    """The right to put something under a key, until that is invalidated.

    Attributes:
        alive: whether it still holds.
        generation: of the cache when it was taken.
        stamp: the purge stamp of the key's subject, as Redis told it.
    """

    __slots__ = ("alive", "generation", "keys", "on_death", "stamp")

    def __init__(self, keys: tuple[str, ...], generation: bytes, on_death: Callable[[], None] | None) -> None:
        self.alive = True
        self.keys = keys
        self.generation = generation
        self.stamp = NO_STAMP
        self.on_death = on_death

    def kill(self) -> None:
        """Take the right away."""
        if self.alive:
            self.alive = False
            if self.on_death is not None:
                self.on_death()


class NearTier:
    """Entries in memory with the rules under which they may be used."""

    def __init__(self, store: MemoryStore, keys: Keys, clock: Clock = time.monotonic) -> None:
        self.trust = Trust.ALONE
        self.generation = NO_STAMP
        self._believed = True
        self._store = store
        self._keys = keys
        self._clock = clock
        self._tokens: dict[str, set[Token]] = {}

    @property
    def store(self) -> MemoryStore:
        """Where the entries are."""
        return self._store

    def fresh(self, key: str) -> Entry | None:
        """The entry under ``key`` if it may be served as current."""
        entry = self._store.peek(key) if self._believed else None
        if entry is None or self._clock() < entry.fresh_until:
            return entry
        self.kept(key)  # or dropped
        return None

    def kept(self, key: str) -> Entry | None:
        """The entry under ``key`` if it may be used at all, as a stale one for example."""
        if not self._believed:
            return None
        entry = self._store.peek(key)
        if entry is None:
            return None
        if not entry.is_kept(self._clock()):
            self._store.drop(key)
            return None
        return entry

    def begin(self, *keys: str, on_death: Callable[[], None] | None = None) -> Token:
        """A token that dies with any of ``keys``, or with everything; end it with :meth:`end`."""
        token = Token(keys, self.generation, on_death)
        for key in keys:
            self._tokens.setdefault(key, set()).add(token)
        return token

    def end(self, token: Token) -> None:
        """Forget a token that is no longer needed."""
        for key in token.keys:
            holders = self._tokens.get(key)
            if holders is not None:
                holders.discard(token)
                if not holders:
                    del self._tokens[key]

    def put(self, key: str, entry: Entry, token: Token) -> bool:
        """Keep ``entry`` if ``token`` still holds; other tokens of ``key`` die, for this is newer."""
        if not token.alive:
            return False
        self._kill(key, but=token)
        self._store.place(key, entry)
        return True

    def drop(self, key: str) -> None:
        """Forget ``key`` and whatever is on its way there."""
        self._store.drop(key)
        self._kill(key)

    def invalidate(self, names: Iterable[str] | None) -> None:
        """Redis says that these keys have changed, or that everything has (None)."""
        if names is None:
            self.flush()
            return
        for name in names:
            self.drop(name)
            for key in self._keys.purged_by(name):
                self.drop(key)

    def flush(self) -> None:
        """Forget everything, and whatever is on its way here."""
        self._store.empty()
        holders, self._tokens = self._tokens, {}
        for tokens in holders.values():
            for token in tokens:
                token.kill()

    def turn(self, trust: Trust) -> None:
        """From now on memory is to be trusted this far; a new connection to Redis begins empty."""
        if trust in {Trust.COHERENT, Trust.BLIND}:
            self.flush()
        self.trust = trust
        self._believed = trust in _BELIEVED

    def _kill(self, key: str, but: Token | None = None) -> None:
        for token in [t for t in self._tokens.get(key, ()) if t is not but]:
            token.kill()
