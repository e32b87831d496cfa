"""The Redis tier: bypassed from the first fault until Redis takes writes again.

While it is bypassed nobody waits for it: a task of its own tries to connect, first at once, then ever more seldom, at
least once a second. Start-up waits for the first attempt, for a tenth of a second at most. A Redis that only reads (a
replica, one out of memory) counts as away. The tier also tells the memory tier how far it may be believed.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterable, Sequence
from contextvars import Context
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from redis.exceptions import RedisError, ResponseError

from shared import metrics
from shared.cache.entry import NO_STAMP, Entry, StoredEntry, UnreadableEntry
from shared.cache.keys import Keys
from shared.cache.link import Command, LinkLost
from shared.cache.links import Found, Links, Refused
from shared.cache.near import NearTier, Token, Trust
from shared.cache.stores import RedisStore
from shared.cache.topology import Topology
from shared.deadline import Clock
from shared.logs import exception_facts, log

_OPEN_SECONDS: Final = 1.0
_FIRST_LOOK_SECONDS: Final = 0.1
_UNCERTAIN_SECONDS: Final = 0.15
_FIRST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 1.0
_HEARTBEAT_SECONDS: Final = 0.5
_CANCEL_AGAIN_SECONDS: Final = 0.2
_FAULTS: Final = (RedisError, OSError, TimeoutError, LinkLost, Refused)


class TierDown(Exception):
    """The tier does not take the operation at the moment."""


class Size(NamedTuple):
    """What Redis holds, others' keys included."""

    keys: int
    bytes: int


class RedisTier:
    """Entries in Redis, or :class:`TierDown`; a resource of the app, open while it serves."""

    def __init__(self, topology: Topology, near: NearTier, keys: Keys, clock: Clock = time.monotonic) -> None:
        self._topology = topology
        self._near = near
        self._keys = keys
        self._clock = clock
        self._links = Links(topology, keys, self._on_change)
        self._store = RedisStore(self._links)
        self._up = False
        self._said = False  # that Redis is away; one line for each change of state
        self._looked = asyncio.Event()  # for the first time, with whatever result
        self._tasks: list[asyncio.Task[None]] = []
        self._doubt: asyncio.TimerHandle | None = None
        self._gauge = metrics.cache_tier_up.labels("redis")
        self._errors = metrics.service_errors.labels("redis")
        self._unreadable = metrics.cache_unreadable
        self._invalidations = metrics.cache_invalidations

    @property
    def up(self) -> bool:
        """Whether the tier takes reads and writes."""
        return self._up

    async def __aenter__(self) -> Self:
        """Begin to look for Redis; wait for it for a moment, so that the first requests find it if it is there."""
        self._gauge.set(0)
        metrics.cache_coherent.set(0)
        # In contexts of their own: what they log belongs to no request.
        for work in (self._supervise, self._beat):
            task = asyncio.get_running_loop().create_task(work(), name=f"redis-tier-{work.__name__}", context=Context())
            self._tasks.append(task)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_LOOK_SECONDS):
                await self._looked.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Stop looking, close the connections."""
        self._up = False
        self._gauge.set(0)
        metrics.cache_coherent.set(0)
        while pending := [task for task in self._tasks if not task.done()]:
            for task in pending:  # again and again: a library may swallow it
                task.cancel()
            await asyncio.wait(pending, timeout=_CANCEL_AGAIN_SECONDS)
        if self._doubt is not None:
            self._doubt.cancel()
        await self._store.close()
        await self._topology.close()

    async def read(self, tokens: Sequence[tuple[str, Token]]) -> list[Entry | None]:
        """The entry under each key, all asked at once; anything unreadable is none.

        Each token learns the purge stamp that holds for its key.

        Raises:
            TierDown: Redis is away, or went away just now; costs at most one reply timeout.
        """
        self._require_up()
        try:
            found: list[Found] = await self._store.multi_get([key for key, _ in tokens])
        except _FAULTS as error:
            raise self._fault(error) from error
        return [self._entry(one, token) for one, (_, token) in zip(found, tokens, strict=True)]

    async def write(self, entries: Iterable[tuple[str, Entry]], token: Token, delete: Sequence[str] = ()) -> None:
        """Store entries until they are stale, and then delete keys.

        Raises:
            TierDown: it is not certain that they are stored.
        """
        self._require_up()
        now = self._clock()
        pairs = [(key, StoredEntry.of(entry, now, token.generation, token.stamp)) for key, entry in entries]
        try:
            await self._store.multi_set(pairs)
            if delete:
                await self._links.write([], delete)
        except _FAULTS as error:
            raise self._fault(error) from error

    async def ask(self, key: str, *commands: Command) -> list[Any]:
        """Send other commands about ``key``.

        Raises:
            TierDown: there is no answer.
        """
        self._require_up()
        try:
            return await self._links.ask(key, *commands)
        except _FAULTS as error:
            raise self._fault(error) from error

    async def purge(self, subject: str, keep_stamp: float) -> None:
        """Drop what is owned by ``subject`` and outdate what is being loaded for it, in every process.

        ``keep_stamp`` is for how many seconds something loaded before may still turn up.

        Raises:
            TierDown: it is not certain that it is dropped.
        """
        stamp = self._keys.stamp(subject)
        owned = list(self._keys.owned_by(subject))
        leases = [self._keys.lease(key) for key in owned]
        new_stamp = ("SET", stamp, os.urandom(8), "PX", int(keep_stamp * 1000))
        await self.ask(stamp, new_stamp, *(("UNLINK", key) for key in (*owned, *leases)))

    async def purge_all(self) -> None:
        """Begin another generation: whatever any process has stored or is loading is outdated.

        Raises:
            TierDown: it is not certain that it has begun.
        """
        generation = os.urandom(8)
        await self.ask(self._keys.generation, ("SET", self._keys.generation, generation))
        self._near.generation = generation
        self._near.flush()

    async def size(self) -> Size | None:
        """What Redis holds, or None while it cannot be asked."""
        if not self._up:
            return None
        try:
            replies = await self._links.ask_all(("DBSIZE",), ("INFO", "memory"))
        except _FAULTS:
            return None
        return Size(sum(_number(keys) for keys, _ in replies), sum(_used_memory(memory) for _, memory in replies))

    def _entry(self, found: Found, token: Token) -> Entry | None:
        if found.stamp is not None:
            token.stamp = found.stamp
        if found.odd:
            self._unreadable.inc()
            return None
        if found.data is None:
            return None
        try:
            stored = StoredEntry.from_bytes(found.data)
            entry = stored.entry(found.left_ms, self._clock())
        except UnreadableEntry:
            self._unreadable.inc()
            return None
        outdated = stored.generation != self._near.generation or found.stamp not in {None, stored.stamp}
        return None if outdated else entry

    def _require_up(self) -> None:
        if not self._up:
            raise TierDown

    def _fault(self, error: Exception) -> TierDown:
        self._errors.inc()
        self._links.lose(error)
        self._leave(error)
        return TierDown()

    def _leave(self, error: BaseException) -> None:
        if not self._up:
            return
        self._up, self._said = False, True
        self._gauge.set(0)
        metrics.cache_coherent.set(0)
        self._near.turn(Trust.UNCERTAIN)
        self._doubt = asyncio.get_running_loop().call_later(_UNCERTAIN_SECONDS, self._be_alone)
        cause = error.__cause__ or error
        log("warning", "redis tier bypassed", "cache", error=str(error) or type(cause).__name__)

    def _be_alone(self) -> None:
        if not self._up:
            self._near.turn(Trust.ALONE)

    async def _supervise(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                async with asyncio.timeout(_OPEN_SECONDS):
                    tracked = await self._links.open()
                    generation = await self._generation()
            except Exception as error:  # noqa: BLE001 - whatever it is, this task must not end
                if not isinstance(error, _FAULTS):
                    log("error", "redis cannot be used", "cache", **exception_facts(error))
                self._stay_away(error)
                await self._links.close()
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                continue
            pause = _FIRST_PAUSE_SECONDS
            self._arrive(tracked, generation)
            self._leave(await self._links.lost())
            await self._links.close()

    def _stay_away(self, error: BaseException) -> None:
        self._be_alone()
        self._looked.set()
        if not self._said:
            self._said = True
            log("warning", "redis is not there", "cache", error=type(error).__name__)

    def _arrive(self, tracked: bool, generation: bytes) -> None:
        if self._doubt is not None:
            self._doubt.cancel()
        self._near.generation = generation
        self._near.turn(Trust.COHERENT if tracked else Trust.BLIND)
        self._up, self._said = True, False
        self._looked.set()
        self._gauge.set(1)
        metrics.cache_coherent.set(int(tracked))
        log("info", "redis tier up", "cache", tracked=tracked)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            if not self._up:
                continue
            try:
                started = self._clock()
                roles = await self._links.ask_all(("ROLE",))
                metrics.cache_redis_lag.set(self._clock() - started)
                generation = await self._generation()
            except _FAULTS as error:
                self._links.lose(error)
                continue
            if any(isinstance(role, list) and role[0] != b"master" for (role,) in roles):
                self._links.lose(Refused("demoted"))
            elif generation != self._near.generation:
                self._near.generation = generation
                self._near.flush()

    async def _generation(self) -> bytes:
        # Read often, it is also the last key that Redis would evict.
        return await self._links.stamp(self._keys.generation) or NO_STAMP

    def _on_change(self, names: Iterable[str] | None) -> None:
        changed = None if names is None else list(names)
        self._invalidations.inc(1 if changed is None else len(changed))
        self._near.invalidate(changed)
        if changed is None or self._keys.generation in changed:
            task = asyncio.get_running_loop().create_task(self._learn_generation(), context=Context())
            self._tasks.append(task)
            task.add_done_callback(self._tasks.remove)

    async def _learn_generation(self) -> None:
        try:
            generation = await self._generation()
        except _FAULTS as error:
            self._links.lose(error)
            return
        self._near.generation = generation
        self._near.flush()


def _number(reply: Any) -> int:
    return 0 if isinstance(reply, ResponseError) else int(reply)


def _used_memory(reply: Any) -> int:
    if not isinstance(reply, bytes):
        return 0
    lines = (line.partition(b":") for line in reply.splitlines())
    return next((int(value) for name, _, value in lines if name == b"used_memory"), 0)
