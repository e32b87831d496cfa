"""The Redis tier: entries, and what outdates them everywhere."""

import asyncio
import math
import os
from collections.abc import Iterable, Sequence
from contextvars import Context
from typing import Any, Final

from shared.cache.answers import Found, is_wrong_type, usable
from shared.cache.entry import Entry, StoredEntry
from shared.cache.keys import Keys
from shared.cache.lookup import HELD, NONE, TAKEN, Lookup
from shared.cache.near import NearTier, Trust
from shared.cache.redis_client import WRITES_WAITING, RedisClient, TierDown
from shared.cache.replies import MOVING, Command
from shared.cache.stamps import SOFT_AT, new_half
from shared.cache.supervisor import FAULTS, RedisSupervisor
from shared.cache.tags import any_of
from shared.cache.token import Token
from shared.cache.topology import Topology
from shared.cache.validation import Validation
from shared.deadline import Clock, since_boot
from shared.observing import metrics

_GRACE_MS: Final = 10_000
"""How much longer than its entry a key lives in Redis.

The expiry of an old key is announced like any other change: it would cost a load in flight its right to be stored.
"""


class RedisTier(RedisClient):
    """Entries in Redis, or :class:`TierDown` while it is away."""

    def __init__(
        self,
        topology: Topology,
        near: NearTier,
        keys: Keys,
        clock: Clock = since_boot,
        *,
        alone: float = math.inf,
        machine: Clock = since_boot,
    ) -> None:
        """``clock`` is that of the entries, ``machine`` that of this machine.

        Cut off from Redis, memory serves what it had for ``alone`` seconds.
        """
        super().__init__(RedisSupervisor(topology, near, keys, clock=clock, alone=alone, machine=machine), clock)
        self._near = near
        self._keys = keys
        validation = Validation(near, keys, clock, self._supervisor.redis_clock)
        self._stored, self._standing, self._checked = validation.stored, validation.standing, validation.checked

    async def lookup(self, key: str, token: Token, lease_command: Command | None = None) -> Lookup:
        """The entry under ``key``, and before that the result of ``lease_command``; one round trip.

        Another one where it carries tags whose stamps are not known. They are asked for under ``token``.

        Raises:
            TierDown: Redis is away, or went away just now; costs at most one reply timeout.
        """
        if not self._supervisor.up:  # as with ``_asking``, in fewer calls
            raise TierDown
        try:
            stamps = token.stamps.unknown(self._keys.tags(key))
            answer, found = await self._supervisor.links.lookup(key, self._names(stamps), lease_command)
            self._learn(stamps, found.stamps, token)
            is_there = found.data is not None or found.wrong_type
            (entry,) = await self._entries([(key, found)], token) if is_there else (None,)
        except FAULTS as error:
            raise self._asking.fault(error) from error
        lease = NONE
        if lease_command is not None and answer is not MOVING:
            lease = TAKEN if answer is None else HELD
        return Lookup(entry, token.stamps, lease)

    async def read(self, keys: Sequence[str], token: Token) -> list[Entry | None]:
        """The entry under each key, all asked at once under ``token``; anything unreadable is none.

        Raises:
            TierDown: Redis is away, or went away just now; costs at most one reply timeout.
        """
        if not self._supervisor.up:
            raise TierDown
        try:
            stamps = [self._unknown(key, token) for key in keys]
            found = await self._supervisor.links.read(keys, list(map(self._names, stamps)))
            for some, one in zip(stamps, found, strict=True):
                self._learn(some, one.stamps, token)
            return await self._entries(list(zip(keys, found, strict=True)), token)
        except FAULTS as error:
            raise self._asking.fault(error) from error

    async def read_stamps(self, token: Token) -> None:
        """Know the stamps of all that ``token`` is for, before that is asked for.

        Raises:
            TierDown: Redis is away, or went away just now; costs at most one reply timeout.
        """
        own = [tag for key in filter(self._keys.is_entry, token.keys) for tag in self._keys.tags(key)]
        any_of_them = map(any_of, token.tags)  # in whose place one may stand that has to be known as early
        with self._asking:
            await self._ask_for(token.stamps.unknown({*token.tags, *any_of_them, *own}), token)

    def write(self, entries: Sequence[tuple[str, Entry]], token: Token, delete: Sequence[str] = ()) -> None:
        """Store entries until they are stale, and then delete keys; nobody waits for it, and it may come to nothing.

        What carries a tag whose stamp is not known is not stored where Redis does not tell of changes.
        """
        if not self._supervisor.up or len(self._writes) >= WRITES_WAITING:
            return
        tags, joined = self._keys.tags, token.stamps.joined
        stamps = [joined(tags(key, entry.tags)) for key, entry in entries]
        if None in stamps and self._near.trust is Trust.COHERENT:
            self._write_when_stamped(entries, delete)
            return
        now, redis_ms = self._clock(), self.earliest_ms()
        commands: list[tuple[str, Command]] = []
        for (key, entry), known in zip(entries, stamps, strict=True):
            if known is not None:
                stored = StoredEntry.of(entry, now, redis_ms, token.generation, known)
                commands.append((key, ("SET", key, stored.to_bytes(key), "PX", stored.kept_ms + _GRACE_MS)))
        commands.extend((key, ("UNLINK", key)) for key in delete)
        self.post(commands)

    def _write_when_stamped(self, entries: Sequence[tuple[str, Entry]], delete: Sequence[str]) -> None:
        """Ask for stamps, and store what nothing has outdated until then; all of it is current now."""
        token = self._near.issue_token(*(key for key, _ in entries))
        for key, entry in entries:
            self._near.tag_token(token, key, entry.tags)

        async def write() -> list[Any]:
            try:
                unknown = {tag for key, entry in entries for tag in self._unknown(key, token, entry.tags)}
                await self._ask_for(list(unknown), token)
                held = [one for one in entries if token.holds(one[0]) and self._stamps(*one, token) is not None]
            finally:
                self._near.release_token(token)
            self.write(held, token, delete)
            return []

        task = asyncio.get_running_loop().create_task(write(), context=Context())
        self._writes.add(task)
        task.add_done_callback(self._written)

    async def unlink_matching(self, pattern: str) -> bool:
        """Delete all that matches a glob, here and in memory; tells whether it is gone from every node.

        Raises:
            NotPermitted: the user may not look for keys; nothing else is wrong.
            TierDown: it is not certain what is gone.
        """
        with self._asking:
            return await self._supervisor.links.unlink_matching(pattern, self._near.invalidate)

    async def read_raw(self, key: str) -> tuple[bytes | None, Entry | None]:
        """What stands under ``key`` as it is, and the entry that it is; what is no string is deleted.

        Raises:
            TierDown: there is no answer.
        """
        with self._asking:
            (found,) = await self._supervisor.links.read([key], [[]])
        if found.wrong_type:
            await self.execute(key, ("UNLINK", key))
        try:
            stored = self._stored(key, found)
            return found.data, None if stored is None else self._checked(key, stored)
        except ValueError:
            metrics.cache_unreadable.inc()
            return found.data, None

    def stored(self, entry: Entry, token: Token, stamps: bytes = b"") -> StoredEntry:
        """``entry`` in the form in which it is stored now, with the ``stamps`` of its tags."""
        return StoredEntry.of(entry, self._clock(), self.earliest_ms(), token.generation, stamps)

    async def purge(self, tags: Sequence[str], keep: float, *, hard: bool) -> None:
        """Outdate what carries any of ``tags``, and what is being loaded of it, in every process; if ``hard``, drop it.

        ``keep`` is for how many seconds something loaded before may still turn up.

        Raises:
            TierDown: it is not certain that it is.
        """
        life = int(keep * 1000)
        commands: list[tuple[str, Command]] = []
        for tag in tags:
            stamp, mark, owned = self._keys.stamp(tag), self._keys.mark(tag), list(self._keys.owned_keys(tag))
            if hard:
                both: Command = ("SET", stamp, new_half() + new_half(), "PX", life)
                commands += [(stamp, both), (mark, ("SET", mark, b"", "PX", life))]
            else:
                commands += [(stamp, ("SETRANGE", stamp, SOFT_AT, new_half())), (stamp, ("PEXPIRE", stamp, life))]
            gone = [*(owned if hard else ()), *map(self._keys.lease, owned)]
            commands += [(key, ("UNLINK", key)) for key in gone]
        with self._asking:
            replies = await self._supervisor.links.send(commands)
            answers = [usable(one) for one in replies if not is_wrong_type(one)]
        if MOVING in answers:
            raise TierDown
        if len(answers) < len(replies):  # whatever somebody has put in the place of a stamp: nothing is believed
            self._near.invalidate(map(self._keys.mark, tags))  # what was read meanwhile was compared with that
            await self.purge(tags, keep, hard=True)

    async def purge_all(self) -> None:
        """Begin another generation: whatever any process has stored or is loading is outdated.

        Raises:
            TierDown: it is not certain that it has begun.
        """
        generation = os.urandom(8)
        if MOVING in await self.execute(self._keys.generation, ("SET", self._keys.generation, generation)):
            raise TierDown
        self._supervisor.start_generation(generation)

    def _stamps(self, key: str, entry: Entry, token: Token) -> bytes | None:
        """The stamps with which ``entry`` is stored under ``key``; None where ``token`` has not all of them."""
        return token.stamps.joined(self._keys.tags(key, entry.tags))

    def _unknown(self, key: str, token: Token, tags: Sequence[str] = ()) -> list[str]:
        """The tags of the entry ``key``, of which these are further ones, whose stamps ``token`` does not have."""
        return token.stamps.unknown(self._keys.tags(key, tags))

    def _names(self, tags: Iterable[str]) -> list[str]:
        return [self._keys.stamp(tag) for tag in tags]

    def _learn(self, tags: Sequence[str], stamps: Iterable[bytes | None], token: Token) -> None:
        """Know what was answered to whoever asked under ``token``, in the same order, as far as anything was."""
        if not token.alive or not tags:
            return
        is_quiet = token.purges == self._near.purges
        for tag, stamp in zip(tags, stamps, strict=False):
            if stamp is not None and (is_quiet or not self._near.was_purged(tag, token)):
                token.stamps.learn(tag, stamp)

    async def _ask_for(self, tags: Sequence[str], token: Token) -> None:
        if tags:
            names = self._names(tags)
            stamps = await self._supervisor.links.stamps(names)
            self._learn(tags, map(stamps.get, names), token)

    async def _entries(self, found: Sequence[tuple[str, Found]], token: Token) -> list[Entry | None]:
        stored = [(key, self._stored(key, one)) for key, one in found]
        tagged = [(key, one.tags) for key, one in stored if one is not None and one.tags]
        unknown = {tag for key, tags in tagged for tag in self._unknown(key, token, tags)}
        await self._ask_for(list(unknown), token)
        return [None if one is None else self._standing(key, one, token) for key, one in stored]
