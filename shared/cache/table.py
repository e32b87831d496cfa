"""A key-value table in both tiers: bytes by any name, with compare-and-set.

Who sets, adds or drops waits until Redis has done so, and everybody else sees it from then on. What depends on what is
there (another number, another life) is read and then written *if it is still the same*, again until that holds. While
Redis is away memory alone is the table, and all of this holds within the process.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple
from weakref import WeakValueDictionary

from msgspec.structs import replace

from shared.cache.cache import Cache
from shared.cache.entry import LONGEST_SECONDS, Entry, StoredEntry
from shared.cache.named import NAMED, NAMELESS, escaped
from shared.cache.redis import RedisTier
from shared.cache.redis_client import TierDown
from shared.cache.replies import Command
from shared.cache.token import Token
from shared.deadline import Deadline
from shared.observing import metrics

_GLOB: Final = re.compile(r"[\\*?\[\]]")
_PATIENCE_SECONDS: Final = 5.0
_MOVING_SECONDS: Final = 0.05
# What a script writes is told to its own process too (docs/decisions/0004-tiers.md): it is dropped from memory.
_SWAP: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('UNLINK', KEYS[1])
elseif ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
"""


class Change(NamedTuple):
    """The new value, for ``life`` seconds, or for as long as before; None deletes."""

    value: bytes | None
    life: float | None = None


Decide = Callable[[bytes | None], Change | None]
"""What becomes of the bytes that are there, or of none; None for nothing. May be asked more than once."""


class Table:
    """All of a cache's entries that are named by whoever uses them."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._near = cache.near
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._hits, self._misses = (count.labels("redis") for count in (metrics.cache_hits, metrics.cache_misses))

    def key(self, name: str) -> str:
        """Where ``name`` stands in Redis."""
        return self._cache.keys.entry(NAMED.name, escaped(name) or NAMELESS)

    async def get(self, names: Sequence[str]) -> list[bytes | None]:
        """The value of each name, from memory, else all from Redis at once. Counted as hits and misses."""
        keys = [self.key(name) for name in names]
        entries = {key: self._cache.lookup_near(key) for key in keys}
        absent = [key for key, entry in entries.items() if entry is None]
        if absent and (redis := self._redis) is not None:
            entries.update(zip(absent, await self._read(redis, absent), strict=True))
            misses = sum(entries[key] is None for key in absent)
            self._hits.inc(len(absent) - misses)
            self._misses.inc(misses)
        return [None if (entry := entries[key]) is None else entry.value for key in keys]

    async def newest(self, name: str) -> bytes | None:
        """The value of ``name`` in Redis at this moment, whatever memory has."""
        with contextlib.suppress(TierDown):
            if self._redis is not None:
                return _value((await self._redis.read_raw(self.key(name)))[1])
        return _value(self._held(self.key(name)))

    async def put(self, values: Sequence[tuple[str, bytes]], life: float) -> bool:
        """Keep ``values`` for ``life`` seconds; tells whether all that ask will find them."""
        now = self._cache.clock()
        entries = [(self.key(name), Entry.made(value, now, life)) for name, value in values]
        token = self._near.issue_token(*(key for key, _ in entries))
        try:
            for key, entry in entries:
                self._near.put(key, entry, token)
            if not entries or (redis := self._redis) is None:
                return True
            # Nothing is awaited between the two: what is written last here is written last there.
            replies = await redis.execute_many([(key, _set(key, redis.stored(entry, token))) for key, entry in entries])
        except TierDown:
            return True
        finally:
            self._near.release_token(token)
        if all(reply == b"OK" for reply in replies):
            return True
        for key, _ in entries:  # some are being moved to another node: nobody is to find here what others do not
            self._near.drop(key)
        return False

    async def add(self, name: str, value: bytes, life: float) -> bool:
        """Keep ``value`` unless there is one already; tells whether it is kept.

        Raises:
            NotPermitted, TimeoutError: as :meth:`exchange`.
        """
        change = Change(value, life)
        made = await self.compare_and_set(name, lambda there: change if there is None else None, expect_none=True)
        return made is not None

    async def compare_and_set(self, name: str, decide: Decide, *, expect_none: bool = False) -> Change | None:
        """Put there what ``decide`` makes of what is there, with nobody in between; gives what it has decided.

        ``expect_none`` saves a look at what is there, where that is nothing.

        Raises:
            NotPermitted: Redis does not let this user run scripts, without which it cannot be done.
            TimeoutError: others were always quicker, or the key is being moved to another node, for seconds.
        """
        key = self.key(name)
        async with self._turns.setdefault(key, asyncio.Lock()):  # of one process' calls all but one would be too late
            with contextlib.suppress(TierDown):
                if self._redis is not None:
                    return await self._set_in_redis(self._redis, key, decide, blind=expect_none)
            return self._set_in_memory(key, decide)

    async def drop(self, name: str) -> bool:
        """Forget ``name``; tells whether there was something."""
        key = self.key(name)
        was_held = self._held(key) is not None
        self._near.drop(key)
        with contextlib.suppress(TierDown):
            if self._redis is not None:
                (reply,) = await self._redis.execute_many([(key, ("UNLINK", key))])
                return bool(reply == 1)
        return was_held

    async def clear(self, beginning: str) -> bool:
        """Drop every name with this prefix; returns whether every process is told, now or when it reconnects.

        Raises:
            NotPermitted: Redis does not let this user look for keys; memory has forgotten them.
        """
        prefix = self._cache.keys.entry_prefix(NAMED.name) + escaped(beginning)
        self._near.drop_prefix(prefix)
        redis = self._cache.redis
        if redis is None:
            return True
        try:
            return await redis.unlink_matching(_GLOB.sub(r"\\\g<0>", prefix) + "*")
        except TierDown:
            return False

    @property
    def _redis(self) -> RedisTier | None:
        redis = self._cache.redis
        return redis if redis is not None and redis.up else None

    async def _read(self, redis: RedisTier, keys: Sequence[str]) -> Sequence[Entry | None]:
        """What Redis has; memory keeps what has not changed while it was on its way."""
        token = self._near.issue_token(*keys)
        try:
            entries = await redis.read(keys, token)
            for key, entry in zip(keys, entries, strict=True):
                if entry is not None:
                    self._near.put(key, entry, token)
        except TierDown:
            return [None] * len(keys)
        finally:
            self._near.release_token(token)
        return entries

    def _held(self, key: str) -> Entry | None:
        """What memory has, whatever its trust: within the process it is all that there is."""
        entry = self._near.store.peek(key)
        return entry if entry is not None and entry.is_kept(self._cache.clock()) else None

    async def _set_in_redis(self, redis: RedisTier, key: str, decide: Decide, *, blind: bool) -> Change | None:
        deadline = Deadline.after(_PATIENCE_SECONDS)
        while deadline.left() > 0:
            there, entry = (None, None) if blind else await redis.read_raw(key)
            blind = False
            change = decide(_value(entry))
            if change is None or (there is None and change.value is None):
                return change
            token = self._near.issue_token(key)
            try:
                if there is None:
                    reply = await self._set_first(redis, key, change, token)
                else:
                    # What is there and counts for nothing has no life to go on with.
                    change = change if entry is not None else change._replace(life=change.life or LONGEST_SECONDS)
                    reply = await self._swap(redis, key, there, change, token)
            finally:
                self._near.release_token(token)
            if reply in {b"OK", 1}:
                return change
            if reply not in {None, 0}:
                await asyncio.sleep(_MOVING_SECONDS)
        raise TimeoutError("what is in the cache could not be changed")

    async def _set_first(self, redis: RedisTier, key: str, change: Change, token: Token) -> Any:
        entry = self._made(change, None)
        (reply,) = await redis.execute_many([(key, (*_set(key, redis.stored(entry, token)), "NX"))])
        if reply == b"OK":
            self._near.put(key, entry, token)
        return reply

    async def _swap(self, redis: RedisTier, key: str, there: bytes, change: Change, token: Token) -> Any:
        after, life_ms = b"", b""
        if change.value is not None and change.life is None:
            after = replace(StoredEntry.from_bytes(there, key), value=change.value).to_bytes(key)
        elif change.value is not None:
            stored = redis.stored(self._made(change, None), token)
            after, life_ms = stored.to_bytes(key), b"%d" % stored.kept_ms
        reply = await redis.run_script(_SWAP, key, there, after, life_ms)
        self._near.drop(key)
        return reply

    def _set_in_memory(self, key: str, decide: Decide) -> Change | None:
        entry = self._held(key)
        change = decide(_value(entry))
        if change is not None and change.value is None:
            self._near.drop(key)
        elif change is not None:
            token = self._near.issue_token(key)
            self._near.put(key, self._made(change, entry), token)
            self._near.release_token(token)
        return change

    def _made(self, change: Change, before: Entry | None) -> Entry:
        value = change.value or b""
        if before is not None and change.life is None:
            return replace(before, value=value)
        return Entry.made(value, self._cache.clock(), change.life or LONGEST_SECONDS)


def _set(key: str, stored: StoredEntry) -> Command:
    return ("SET", key, stored.to_bytes(key), "PX", stored.kept_ms)


def _value(entry: Entry | None) -> bytes | None:
    return None if entry is None else entry.value
