"""The two tiers as one: memory, then Redis. Nothing here ever raises because of Redis.

Memory answers first while Redis tells of changes, and alone when Redis is gone (see ``near.Trust``).
"""

import contextlib
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

from shared.cache.entry import Entry
from shared.cache.keys import Keys
from shared.cache.near import NearTier, Trust
from shared.cache.reads import Reads
from shared.cache.redis import RedisTier
from shared.cache.redis_client import TierDown
from shared.cache.tags import any_of
from shared.cache.token import Token
from shared.cache.watched_log import Records, WatchedLog
from shared.deadline import Clock, since_boot
from shared.observing import metrics

JITTER: Final = 0.05
"""By up to this share a fresh life is cut short, so that what was stored together does not expire together."""

_LATEST_LOAD_SECONDS: Final = 60.0


class Value(msgspec.Struct, frozen=True):
    """Something to be kept, as old as the question that it answers.

    Attributes:
        asked_at: the instant, on the cache's clock, in which it was asked for.
        fresh: for how many seconds from then it counts as current.
        stale: for how many seconds from then it is kept, if that is longer.
        cost: how many seconds loading it took; the longer, the earlier it is reloaded.
        decoded: the decoded value, so that no reader here need decode the bytes.
        negative: whether it says that there is no such thing.
        tags: by which it is outdated, besides the one that follows from its key (``tags.bounded``).
    """

    key: str
    data: bytes
    asked_at: float
    fresh: float
    stale: float = 0.0
    cost: float = 0.0
    decoded: object = None
    negative: bool = False
    tags: tuple[str, ...] = ()


class Cache:
    """Bytes by key for a bounded time; a resource of the app, open while it serves.

    Attributes:
        near: the memory tier.
        redis: the primary tier, where one is configured.
    """

    def __init__(
        self,
        near: NearTier,
        redis: RedisTier | None,
        keys: Keys,
        *,
        longest_life: float,
        clock: Clock = since_boot,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """``redis`` is None where memory alone is configured; nothing is kept for longer than ``longest_life``.

        ``clock`` is that of all times of entries.
        """
        self.near = near
        self.redis = redis
        self._longest_life = longest_life
        self._draw = draw
        self.keys = keys
        self.clock = clock
        self._hits, self._misses = (count.labels("memory") for count in (metrics.cache_hits, metrics.cache_misses))
        self._logs: dict[str, WatchedLog] = {}
        self.kept_near, self.all_kept_near, self.at_hand = near.kept, near.kept_of, near.at_hand
        self.watch, self.unwatch = near.watch, near.unwatch
        self.issue_token, self.release_token = near.issue_token, near.release_token
        self.extend_token, self.tag_token = near.extend_token, near.tag_token
        reads = Reads(near, redis, clock)
        self.lookup_redis, self.kept, self.warm = reads.lookup, reads.kept, reads.warm

    @property
    def trust(self) -> Trust:
        """How far the memory tier may be trusted at the moment."""
        return self.near.trust

    async def __aenter__(self) -> Self:
        """Open both tiers; does not wait for Redis, but for what it has of logs if it is there."""
        metrics.cache_tier_up.labels("memory").set(1)
        if self.redis is not None:
            await self.redis.__aenter__()
        for log in self._logs.values():
            await log.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Finish writes under way, for a second at most, and close."""
        if self.redis is not None:
            await self.redis.__aexit__(kind, error, frames)
        for log in self._logs.values():
            await log.close()

    def lookup_near(self, key: str) -> Entry | None:
        """The fresh entry that memory has under ``key``; one synchronous call, counted as a hit or a miss."""
        entry = self.near.fresh(key)
        if entry is not None:
            self._hits.inc()
        elif self.near.is_trusted:
            self._misses.inc()
        return entry

    def peek_near(self, key: str, now: float) -> Entry | None:
        """The entry that memory has under ``key``, fresh ``now``; not counted (see :meth:`count_near_hits`)."""
        return self.near.fresh(key, now)

    def count_near_hits(self, number: int) -> None:
        """Count lookups by :meth:`peek_near` whose entries have been served."""
        self._hits.inc(number)

    def keeps(self, key: str) -> bool:
        """Whether what was put under ``key`` just now is kept anywhere; it may be too much for memory."""
        return (self.redis is not None and self.redis.up) or self.near.kept(key) is not None

    def was_purged(self, tag: str, token: Token) -> bool:
        """Whether ``tag``, or everything, may have been purged since ``token`` was issued."""
        return not token.alive or self.near.was_purged(tag, token)

    async def read_stamps(self, token: Token) -> None:
        """Know what Redis has to say of all that ``token`` is for, where it does not tell of changes by itself.

        To be called before anything is asked for; without it that is not kept in such a Redis.
        """
        if self.near.is_blind and self.redis is not None:
            with contextlib.suppress(TierDown):
                await self.redis.read_stamps(token)

    def put(self, token: Token, values: Sequence[Value], delete: Sequence[str] = ()) -> None:
        """Keep those of ``values`` for which ``token`` still holds: in memory at once, in Redis off the caller's path.

        ``delete`` are keys of Redis to be deleted after that in any case.
        """
        now = self.clock()
        entries = [(value.key, self._entry(value, now)) for value in values]
        kept = [(key, entry) for key, entry in entries if now < entry.stale_until and self.near.put(key, entry, token)]
        if self.redis is not None and (kept or delete):
            self.redis.write(kept, token, delete)

    def forget(self, token: Token, key: str) -> None:
        """Drop an entry that has turned out to be wrong to whoever asked under ``token``."""
        self.near.drop(key, but=token)
        if self.redis is not None:
            self.redis.post([(key, ("UNLINK", key))])

    async def purge_tags(self, tags: Iterable[str], *, hard: bool = False) -> bool:
        """Outdate all that carries any of ``tags``: it is not current any more, and kept as last known good.

        If ``hard``, it is dropped. Returns whether every process is told, now or when it reconnects.
        """
        every = list(dict.fromkeys(one for tag in tags for one in (tag, any_of(tag))))
        self.near.invalidate(map(self.keys.mark if hard else self.keys.stamp, every))
        keep = self._longest_life + _LATEST_LOAD_SECONDS
        told = await self._everywhere(lambda redis: redis.purge(every, keep, hard=hard))
        await self.near.settled()
        return told

    async def purge_all(self) -> bool:
        """Drop everything; returns whether every process is told, now or when it reconnects."""
        self.near.flush()
        return await self._everywhere(RedisTier.purge_all)

    def watch_log(self, name: str, records: Records, keep: float) -> None:
        """Share ``records`` with every process, by the log of this ``name``, before the cache is opened.

        Each is kept in Redis for ``keep`` seconds.
        """
        if self.redis is not None:
            self._logs[name] = WatchedLog(self.keys.log(name), self.redis, records, keep)

    async def append_to_log(self, name: str, record: bytes) -> bool:
        """Tell of a record that is known here; returns whether every process is told, now or when it reconnects.

        If not, they are told as soon as Redis takes it.
        """
        return await self._everywhere(lambda _: self._logs[name].append(record))

    async def _everywhere(self, purge: Callable[[RedisTier], Awaitable[None]]) -> bool:
        if self.redis is None:
            return True
        try:
            await purge(self.redis)
        except TierDown:
            return False
        return True

    def _entry(self, value: Value, now: float) -> Entry:
        asked_at, negative, decoded, decoded_size = value.asked_at, value.negative, value.decoded, 0
        left = asked_at + value.fresh - now
        fresh_until = now + (left * (1 - JITTER * self._draw()) if left > 0 else left)
        kept_until = max(fresh_until, asked_at + value.stale) if value.stale else fresh_until
        if decoded is not None:
            rules = self.keys.kind(value.key).rules(negative=negative)
            decoded_size = 0 if rules is None else rules.sizeof(decoded)
        cost, age = value.cost, now - asked_at
        return Entry(value.data, now, fresh_until, kept_until, cost, age, negative, decoded, decoded_size, value.tags)
