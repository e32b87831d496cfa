"""Validates what stands in Redis: whether it is an entry, and still worth what it was when it was stored."""

from shared.cache.answers import Found
from shared.cache.entry import Entry, StoredEntry, UnreadableEntry
from shared.cache.keys import Keys
from shared.cache.redis_clock import RedisClock
from shared.cache.stamps import changes
from shared.cache.token import Token, TokenIssuer
from shared.deadline import Clock
from shared.observing import metrics


class Validation:
    """By the generation that ``tokens`` has, the stamps that a token knows, and the rules of kinds."""

    def __init__(self, tokens: TokenIssuer, keys: Keys, clock: Clock, redis_clock: RedisClock) -> None:
        """``clock`` is that of the entries."""
        self._tokens = tokens
        self._keys = keys
        self._clock = clock
        self._redis_clock = redis_clock

    def stored(self, key: str, found: Found) -> StoredEntry | None:
        """What is ``found`` under ``key``, if it is an entry of this generation."""
        if found.wrong_type:
            metrics.cache_unreadable.inc()
            return None
        if found.data is None:
            return None
        try:
            stored = StoredEntry.from_bytes(found.data, key)
        except UnreadableEntry:
            metrics.cache_unreadable.inc()
            return None
        return stored if stored.generation == self._tokens.generation else None

    def standing(self, key: str, stored: StoredEntry, token: Token) -> Entry | None:
        """The entry, as far as no purge has taken it; none where that is not known."""
        current = token.stamps.joined(self._keys.tags(key, stored.tags))
        if current is None:
            return None
        try:
            if len(current) != len(stored.stamps):
                raise UnreadableEntry
            outdated, hard = changes(stored.stamps, current)
            entry = None if hard else self.checked(key, stored)
        except ValueError:  # whatever it is that nobody of us has written
            metrics.cache_unreadable.inc()
            return None
        if entry is not None and outdated:
            if entry.stale_until <= entry.fresh_until:
                return None
            entry.outdate(self._clock())
        return entry

    def checked(self, key: str, stored: StoredEntry) -> Entry | None:
        """The entry, whole; None where this process keeps none such, or not for so long.

        Raises:
            ValueError: nobody of us has written it.
        """
        rules = self._keys.kind(key).rules(negative=stored.negative)
        if rules is None:
            raise UnreadableEntry
        now = self._clock()
        entry = stored.entry(self._redis_clock.latest_ms(), now, rules.fresh, rules.kept)
        if not entry.is_kept(now):
            return None
        entry.decoded = rules.read(self._keys.subject(key), entry.value)
        entry.decoded_size = 0 if entry.decoded is None else rules.sizeof(entry.decoded)
        return entry
