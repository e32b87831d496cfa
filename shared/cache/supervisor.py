"""Supervises the connection to Redis: bypassed from the first fault until it takes writes again.

While it is bypassed nobody waits for it: a task of its own tries to connect (see ``backoff``). Start-up waits for the
first attempt, for a tenth of a second at most. A Redis that only reads (a replica, one out of memory) counts as away,
and so does one that refuses a required command (see ``required_commands``). The state of the connection also decides
how far the memory tier may be trusted.
"""

import asyncio
import contextlib
import math
import os
from collections.abc import Callable, Iterable
from contextvars import Context
from types import TracebackType
from typing import Final, Self

from redis.exceptions import RedisError

from shared.cache.answers import raise_if_replica
from shared.cache.backoff import Backoff
from shared.cache.entry import NO_STAMP
from shared.cache.keys import Keys
from shared.cache.link import LinkLost
from shared.cache.links import Links
from shared.cache.near import NearTier, Trust
from shared.cache.redis_clock import RedisClock
from shared.cache.redis_errors import NodeRefused, StateLog
from shared.cache.replies import MOVING, Unknown
from shared.cache.topology import Topology
from shared.cancellation import cancel_and_wait, cancellable
from shared.deadline import Clock
from shared.observing import metrics
from shared.observing.background import keep_running
from shared.observing.logs import log, log_error

FAULTS: Final = (RedisError, OSError, TimeoutError, LinkLost, NodeRefused)
"""What a Redis that is away, hangs or refuses shows up as."""

_OPEN_SECONDS: Final = 1.0
_OPEN_ROUND_TRIPS: Final = 11
"""A cluster is looked up; then TCP, TLS, HELLO, SELECT, TRACKING, what is tried, and the generation, or a first one."""
_FIRST_ATTEMPT_SECONDS: Final = 0.1
_UNCERTAIN_SECONDS: Final = 0.15
_HEARTBEAT_SECONDS: Final = 0.5


class RedisSupervisor:
    """Keeps the links to Redis up; a resource, open while the app serves.

    Attributes:
        up: whether Redis takes reads and writes.
        links: to all of its nodes, of use while it does.
        first_attempt: is set when it has been tried for the first time to connect, with whatever result.
        redis_clock: what the clock of the node that has the generation says.
        lost_at: when it was found last that Redis has lost what it had, on ``clock``; minus infinity for never.
        listeners: by key who is told that it may have changed, or (True) that anything may have; while Redis is up
            with each heartbeat too.
    """

    def __init__(
        self, topology: Topology, near: NearTier, keys: Keys, *, clock: Clock, alone: float, machine: Clock
    ) -> None:
        """``clock`` tells how long Redis has been up, ``machine`` is this machine's.

        Cut off from Redis, memory serves what it had for ``alone`` seconds.
        """
        self.up = False
        self.redis_clock = RedisClock(machine)
        self.links = Links(topology, keys, self._on_change)
        self.lost_at = -math.inf
        self._clock = clock
        self.listeners: dict[str, Callable[[bool], None]] = {}
        self._topology = topology
        self._open_seconds = max(_OPEN_SECONDS, _OPEN_ROUND_TRIPS * topology.reply_seconds)
        self._near = near
        self._keys = keys
        self._alone = alone
        self._state_log = StateLog()
        self._backoff = Backoff(clock)
        self._outdated = False  # all that is in Redis, because its clock was set back
        self.first_attempt = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._uncertain_timer: asyncio.TimerHandle | None = None
        self._gauge = metrics.cache_tier_up.labels("redis")
        self._errors = metrics.service_errors.labels("redis")

    async def __aenter__(self) -> Self:
        """Begin to look for Redis; wait for it for a moment, so that the first requests find it if it is there."""
        self._note(up=False)
        # In contexts of their own: what they log belongs to no request.
        for work in (self._supervise, self._heartbeat):
            name = f"redis{work.__name__}"
            self._tasks.append(asyncio.create_task(keep_running(work, name), name=name, context=Context()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_ATTEMPT_SECONDS):
                await self.first_attempt.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Stop looking, close the connections."""
        self._note(up=False)
        await cancel_and_wait(*self._tasks)
        if self._uncertain_timer is not None:
            self._uncertain_timer.cancel()
        await self.links.close()
        await self._topology.close()

    def report_fault(self, error: Exception) -> None:
        """Something that was asked of Redis has failed: bypass it until it is well."""
        self._errors.inc()
        self.links.abort(error)
        self._go_down(error)

    def start_generation(self, generation: bytes) -> None:
        """The cache is of another generation from now on: whatever was known is outdated."""
        self._near.generation = generation
        self._near.flush()

    def _note(self, *, up: bool, coherent: bool = False) -> None:
        self.up = up
        self._gauge.set(up)
        metrics.cache_coherent.set(coherent)

    def _go_down(self, error: BaseException) -> None:
        if not self.up:
            return
        self._note(up=False)
        self._near.set_trust(Trust.UNCERTAIN)
        self._uncertain_timer = asyncio.get_running_loop().call_later(_UNCERTAIN_SECONDS, self._enter_standalone)
        self._state_log.bypassed(error)

    def _enter_standalone(self) -> None:
        if not self.up:
            self._near.set_trust(Trust.ALONE)

    async def _supervise(self) -> None:
        self._go_down(LinkLost("supervisor restarted"))
        await self.links.close()
        while True:
            try:
                async with asyncio.timeout(self._open_seconds):
                    tracked, generation = await cancellable(self._open())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                self._report(error)
                self._enter_standalone()
                self.first_attempt.set()
                self._state_log.absent(error)
                await self.links.close()
                await asyncio.sleep(self._backoff.after_failure())
                continue
            self._come_up(tracked, generation)
            self._go_down(await self.links.lost())
            await self.links.close()
            await asyncio.sleep(self._backoff.after_loss())

    async def _open(self) -> tuple[bool, bytes | Unknown]:
        return await self.links.open(self.listeners), await self._generation()

    def _come_up(self, tracked: bool, generation: bytes | Unknown) -> None:
        if self._uncertain_timer is not None:
            self._uncertain_timer.cancel()
        if self._near.generation not in {NO_STAMP, generation}:
            self.lost_at = self._clock()
        self._near.generation = _trusted_generation(generation)
        self._near.set_trust(Trust.COHERENT if tracked else Trust.BLIND)
        self._note(up=True, coherent=tracked)
        self._backoff.connected()
        self.first_attempt.set()
        self._state_log.up(tracked)
        for changed in self.listeners.values():
            changed(True)

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            self._near.expire_standalone(self._alone)
            if not self.up:
                continue
            try:
                started = self.redis_clock.machine()
                roles = await self.links.execute_all(("ROLE",))
                metrics.cache_redis_lag.set(self.redis_clock.machine() - started)
                generation = await self._generation()
                for (role,) in roles:
                    raise_if_replica(role)
            except FAULTS as error:
                self.links.abort(error)
                continue
            if generation is not MOVING and generation != self._near.generation:
                self.start_generation(_trusted_generation(generation))
            for changed in self.listeners.values():
                changed(False)

    async def _generation(self) -> bytes | Unknown:
        """The generation; another one where there is none, or where Redis's clock was set back.

        Of something that was stored before that nobody can tell how old it is. Read often, it is also the last key that
        Redis would evict.
        """
        key = self._keys.generation
        asked_at = self.redis_clock.machine()
        (seconds, micros), generation = await self.links.stamp(key, ("TIME",))
        if self.redis_clock.synchronize(asked_at, int(seconds) + int(micros) / 1_000_000):
            log("warning", "redis clock set back", "cache")
            self._outdated = True
        if self._outdated:  # until Redis has taken another one, however often it has to be tried
            another = os.urandom(len(NO_STAMP))
            self.start_generation(another)
            _, generation = await self.links.stamp(key, ("SET", key, another))
            self._outdated = generation is MOVING
        elif generation is None:  # for the first time, or somebody has deleted it; all who see that agree on one
            _, generation = await self.links.stamp(key, ("SET", key, os.urandom(len(NO_STAMP)), "NX"))
        return NO_STAMP if generation is None else generation

    def _on_change(self, names: Iterable[str] | None) -> None:
        changed = None if names is None else list(names)
        metrics.cache_invalidations.inc(1 if changed is None else len(changed))
        if changed is None:
            self.lost_at = self._clock()
        self._near.invalidate(changed)
        for key, listener in self.listeners.items():
            if changed is None or key in changed:
                listener(changed is None)
        if changed is None or self._keys.generation in changed:
            # Which one has begun is asked; that what there was is outdated is certain now, whatever becomes of that.
            self.start_generation(os.urandom(len(NO_STAMP)))
            task = asyncio.get_running_loop().create_task(self._learn_generation(), context=Context())
            self._tasks.append(task)
            task.add_done_callback(self._tasks.remove)

    async def _learn_generation(self) -> None:
        try:
            generation = await self._generation()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not known what memory is worth
            self._report(error)
            self.links.abort(error)
            return
        self.start_generation(_trusted_generation(generation))

    def _report(self, error: Exception) -> None:
        if not isinstance(error, FAULTS):
            log_error("redis cannot be used", "cache", error)


def _trusted_generation(generation: bytes | Unknown) -> bytes:
    """What to go by; a generation that may have begun unheard, while its key is being moved, is nobody else's."""
    return os.urandom(len(NO_STAMP)) if isinstance(generation, Unknown) else generation
