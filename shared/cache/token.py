"""Tokens: the right to store what is going to be asked for.

An invalidation meanwhile ends the right to store that key, so what is in flight never overwrites a later one. A purge
of a tag does so for every key that depends on it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from shared.cache.entry import NO_STAMP
from shared.cache.stamps import Stamps

_NOTHING: Final[frozenset[str]] = frozenset()
_NO_TAGS: Final[Mapping[str, tuple[str, ...]]] = {}

PURGES: Final = 10_000

OnLoss = Callable[[str | None], None]
"""Told the key that is not to be put any more, or None for all."""


class Token:
    """The right to store values that are being read or loaded, each until its key is invalidated.

    Attributes:
        keys: of those things; more may join them before they are asked for.
        lost: those that have been invalidated since.
        generation: of the cache when it was taken.
        stamps: of the tags of these things, as far as they are known.
        tags: besides their own ones, those that any of them depends on, each with the keys of these.
        purges: how many there had been when it was taken.
    """

    __slots__ = ("_flushes", "_issuer", "generation", "keys", "lost", "on_loss", "purges", "stamps", "tags")

    def __init__(self, issuer: "TokenIssuer", keys: Iterable[str], stamps: Stamps, on_loss: OnLoss | None) -> None:
        self._issuer = issuer
        self._flushes = issuer.flushes
        self.keys = list(keys)
        self.lost: frozenset[str] = _NOTHING
        self.generation = issuer.generation
        self.stamps = stamps
        self.tags: Mapping[str, tuple[str, ...]] = _NO_TAGS
        self.purges = issuer.purges
        self.on_loss = on_loss

    @property
    def alive(self) -> bool:
        """Whether not everything has been forgotten since it was taken."""
        return self._flushes == self._issuer.flushes

    def holds(self, key: str) -> bool:
        """Whether what is loaded may still be put under ``key``."""
        return self._flushes == self._issuer.flushes and key not in self.lost

    def invalidate(self, key: str) -> None:
        """``key`` has been invalidated."""
        if key not in self.lost:
            self.lost |= {key}
            if self.on_loss is not None:
                self.on_loss(key)


class TokenIssuer:
    """Issues tokens, and ends the rights of those under which something is on its way.

    Attributes:
        generation: of the cache, read from Redis.
        flushes: how often everything was forgotten.
        purges: how often a tag was purged.
        stamps: of tags, as Redis has them: it tells of every change.
    """

    def __init__(self, purges: int) -> None:
        """``purges`` of as many tags are remembered, for loads that turn out to depend on one."""
        self.generation = NO_STAMP
        self.flushes = 0
        self.purges = 0
        self.stamps = Stamps()
        self._is_told = False  # by Redis, of every change
        self._tokens: dict[str, set[Token]] = {}
        self._tagged: set[Token] = set()
        self._purged: dict[str, int] = {}
        self._most_purged = purges
        self._forgotten = 0  # the last purge that is not remembered any more

    def issue_token(self, *keys: str, stamps: Stamps | None = None, on_loss: OnLoss | None = None) -> Token:
        """A token for what is going to be asked for under ``keys``; end it with :meth:`release_token`.

        ``stamps`` are those of its tags that were read before, where Redis does not tell of changes.
        """
        if self._is_told:
            stamps = self.stamps
        token = Token(self, keys, Stamps() if stamps is None else stamps, on_loss)
        for key in keys:
            self._tokens.setdefault(key, set()).add(token)
        return token

    def extend_token(self, token: Token, key: str) -> None:
        """From now on ``token`` stands for ``key`` too, which is going to be asked for."""
        token.keys.append(key)
        self._tokens.setdefault(key, set()).add(token)

    def tag_token(self, token: Token, key: str, tags: Iterable[str]) -> None:
        """From now on ``token`` loses ``key`` when any of ``tags`` is purged, or has been since it was issued."""
        every: dict[str, tuple[str, ...]] = dict.fromkeys(tags, (key,))
        if token.tags:
            for tag in every.keys() & token.tags.keys():
                every[tag] += token.tags[tag]
            every = {**token.tags, **every}
        token.tags = every
        self._tagged.add(token)
        if token.purges != self.purges and any(self.was_purged(tag, token) for tag in every):
            token.invalidate(key)

    def was_purged(self, tag: str, token: Token) -> bool:
        """Whether ``tag`` may have been purged since ``token`` was issued."""
        return token.purges < self._purged.get(tag, self._forgotten)

    def release_token(self, token: Token) -> None:
        """Forget a token that is no longer needed."""
        if token.tags:
            self._tagged.discard(token)
        for key in token.keys:
            holders = self._tokens.get(key)
            if holders is not None:
                holders.discard(token)
                if not holders:
                    del self._tokens[key]

    def _count_purge(self, tag: str) -> None:
        self.purges += 1
        self._purged.pop(tag, None)
        self._purged[tag] = self.purges
        if len(self._purged) > self._most_purged:
            self._forgotten = self._purged.pop(next(iter(self._purged)))

    def _invalidate_tokens(self, key: str, but: Token | None = None) -> None:
        holders = self._tokens.get(key)
        if holders is None or (len(holders) == 1 and but in holders):  # as nearly always
            return
        for token in [one for one in holders if one is not but]:
            token.invalidate(key)

    def _invalidate_tagged(self, tag: str) -> None:
        for token in [one for one in self._tagged if tag in one.tags]:
            for key in token.tags[tag]:
                token.invalidate(key)

    def _invalidate_all(self) -> None:
        self.stamps.clear()
        self.flushes += 1
        holders, self._tokens = self._tokens, {}
        for token in {token for tokens in holders.values() for token in tokens}:
            if token.on_loss is not None and len(token.lost) < len(token.keys):
                token.on_loss(None)
