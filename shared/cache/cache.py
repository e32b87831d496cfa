"""The two tiers as one: memory, then Redis. Nothing here ever raises because of Redis.

Memory answers first while Redis tells of changes, and alone when Redis is gone (see ``near.Trust``).
"""

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

from shared import metrics
from shared.cache.entry import Entry
from shared.cache.keys import Keys
from shared.cache.near import NearTier, Token, Trust
from shared.cache.redis import RedisTier, TierDown
from shared.cache.replies import Command
from shared.deadline import Clock

TierName = Literal["redis", "memory"]

JITTER: Final = 0.05
"""By up to this share a fresh life is cut short, so that what was stored together does not expire together."""

_LATEST_LOAD_SECONDS: Final = 60.0


UNANSWERED: Final = object()
"""Told from all that Redis answers."""


class Value(NamedTuple):
    """Something to be kept: fresh for ``fresh`` seconds, kept for ``stale`` ones if that is longer.

    Attributes:
        cost: how many seconds loading it took; the longer, the earlier it is reloaded.
        age: how many seconds ago it was asked for.
        form: what a reader would make of the bytes, so that none need read them here.
        negative: whether it says that there is no such thing.
    """

    key: str
    data: bytes
    fresh: float
    stale: float = 0.0
    cost: float = 0.0
    age: float = 0.0
    form: object = None
    negative: bool = False


class Lookup(NamedTuple):
    """What a lookup in Redis found: an entry or None, and whether Redis was asked at all.

    ``answer`` is what a wish that went along was answered; :data:`UNANSWERED` when it was not.
    """

    entry: Entry | None
    asked: bool
    answer: object = UNANSWERED


class Cache:
    """Bytes by key for a bounded time; a resource of the app, open while it serves."""

    def __init__(
        self,
        near: NearTier,
        redis: RedisTier | None,
        keys: Keys,
        *,
        longest_life: float,
        clock: Clock = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """``redis`` is None where memory alone is configured; nothing is kept for longer than ``longest_life``.

        ``clock`` is what all times of entries are told by.
        """
        self._near = near
        self._redis = redis
        self._longest_life = longest_life
        self._draw = draw
        self.keys = keys
        self.clock = clock
        self._hits = {tier: metrics.cache_hits.labels(tier) for tier in ("redis", "memory")}
        self._misses = {tier: metrics.cache_misses.labels(tier) for tier in ("redis", "memory")}

    @property
    def redis(self) -> RedisTier | None:
        """The primary tier, where one is configured."""
        return self._redis

    @property
    def trust(self) -> Trust:
        """How far the memory tier may be believed at the moment."""
        return self._near.trust

    async def __aenter__(self) -> Self:
        """Open both tiers; does not wait for Redis."""
        metrics.cache_tier_up.labels("memory").set(1)
        if self._redis is not None:
            await self._redis.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Finish writes under way, for a second at most, and close."""
        if self._redis is not None:
            await self._redis.__aexit__(kind, error, frames)

    def look_near(self, key: str) -> Entry | None:
        """The fresh entry that memory has under ``key``; one synchronous call, counted as a hit or a miss."""
        entry = self._near.fresh(key)
        if entry is not None:
            self._hits["memory"].inc()
        elif self._near.trust in {Trust.COHERENT, Trust.ALONE}:
            self._misses["memory"].inc()
        return entry

    def peek_near(self, key: str) -> Entry | None:
        """The fresh entry that memory has under ``key``; not counted (see :meth:`count_near_hits`)."""
        return self._near.fresh(key)

    def count_near_hits(self, number: int) -> None:
        """Count lookups by :meth:`peek_near` whose entries have been served."""
        self._hits["memory"].inc(number)

    def is_due(self, entry: Entry) -> bool:
        """Whether it is time to reload ``entry``."""
        return entry.is_due(self.clock())

    async def look_far(self, key: str, token: Token, *, wish: Command | None = None, count: bool = True) -> Lookup:
        """The fresh entry that Redis has under ``key``; memory keeps it from then on. Counted as a hit or a miss.

        ``wish`` is a command about ``key`` that goes along, and is carried out before.
        """
        if self._redis is None or not self._redis.up:
            return Lookup(None, asked=False)
        entry, answer = None, UNANSWERED
        try:
            if wish is None:
                (entry,) = await self._redis.read([(key, token)])
            else:
                entry, answer = await self._redis.look(key, token, wish)
        except TierDown:
            pass  # logged and counted by the tier
        if entry is not None:
            self._near.put(key, entry, token)
            if not entry.is_fresh(self.clock()):
                entry = None
        if count:
            (self._misses if entry is None else self._hits)["redis"].inc()
        return Lookup(entry, asked=True, answer=answer)

    def kept_near(self, key: str) -> Entry | None:
        """What memory has under ``key``, fresh or stale; not counted."""
        return self._near.kept(key)

    def keeps(self, key: str) -> bool:
        """Whether what was put under ``key`` just now is kept anywhere; it may be too much for memory."""
        return (self._redis is not None and self._redis.up) or self._near.kept(key) is not None

    async def kept(self, keys: Sequence[str]) -> list[Entry | None]:
        """What is kept under each key, fresh or stale, in memory or in Redis; not counted."""
        entries = {key: entry for key in keys if (entry := self._near.kept(key)) is not None}
        absent = [key for key in keys if key not in entries]
        if absent and self._redis is not None and self._redis.up:
            tokens = [(key, self._near.begin(key)) for key in absent]
            try:
                found = await self._read(tokens)
            finally:
                for _, token in tokens:
                    self._near.end(token)
            entries |= {key: entry for key, entry in zip(absent, found, strict=True) if entry is not None}
        return [entries.get(key) for key in keys]

    def begin(self, key: str | None = None, on_death: Callable[[], None] | None = None) -> Token:
        """The right to put something here that is being loaded, until ``key`` or its subject is invalidated.

        Without a key only what outdates everything takes it away. End it with :meth:`end`.
        """
        if key is None:
            return self._near.begin(on_death=on_death)
        stamp = self.keys.stamp_of(key)
        return self._near.begin(key, *(() if stamp is None else (stamp,)), on_death=on_death)

    def end(self, token: Token) -> None:
        """Give a right back."""
        self._near.end(token)

    def put(self, token: Token, values: Sequence[Value], delete: Sequence[str] = ()) -> None:
        """Keep ``values`` if ``token`` still holds: in memory at once, in Redis off the caller's path.

        ``delete`` are keys of Redis to be deleted after that in any case.
        """
        now = self.clock()
        entries = [(value.key, self._entry(value, now)) for value in values] if token.alive else []
        kept = [(key, entry) for key, entry in entries if self._near.put(key, entry, token)]
        if self._redis is not None and (kept or delete):
            self._redis.write(kept, token, delete)

    def forget(self, keys: Sequence[str]) -> None:
        """Drop entries that have turned out to be wrong."""
        for key in keys:
            self._near.drop(key)
        self.put(self._near.begin(), (), delete=keys)

    async def purge(self, subject: str) -> bool:
        """Drop everything that is owned by ``subject``; tells whether every process has been told, or will be."""
        for key in self.keys.owned_by(subject):
            self._near.drop(key)
        self._near.drop(self.keys.stamp(subject))
        return await self._everywhere(lambda redis: redis.purge(subject, self._longest_life + _LATEST_LOAD_SECONDS))

    async def purge_all(self) -> bool:
        """Drop everything; tells whether every process has been told, or will be."""
        self._near.flush()
        return await self._everywhere(RedisTier.purge_all)

    async def _everywhere(self, purge: Callable[[RedisTier], Awaitable[None]]) -> bool:
        if self._redis is None:
            return True
        try:
            await purge(self._redis)
        except TierDown:
            return False
        return True

    async def _read(self, tokens: Sequence[tuple[str, Token]]) -> list[Entry | None]:
        if self._redis is None:
            return [None] * len(tokens)
        try:
            entries = await self._redis.read(tokens)
        except TierDown:
            return [None] * len(tokens)
        for (key, token), entry in zip(tokens, entries, strict=True):
            if entry is not None:
                self._near.put(key, entry, token)
        return entries

    def _entry(self, value: Value, now: float) -> Entry:
        fresh = value.fresh * (1 - JITTER * self._draw())
        entry = Entry.made(value.data, now, fresh, value.stale, value.cost)
        entry.age, entry.negative = value.age, value.negative
        if value.form is not None:
            rules = self.keys.kind(value.key).rules(negative=value.negative)
            entry.form, entry.weight = value.form, 0 if rules is None else rules.weigh(value.form)
        return entry
