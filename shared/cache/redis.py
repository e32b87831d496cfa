"""The Redis tier: reads and writes entries while Redis is up, and raises at once while it is not (``supervisor``)."""

import asyncio
import contextlib
import math
import os
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from redis.exceptions import ResponseError

from shared.cache.answers import Found, all_usable, is_wrong_type, usable
from shared.cache.entry import Entry, StoredEntry, UnreadableEntry
from shared.cache.keys import Keys
from shared.cache.links import Answers
from shared.cache.lookup import LeaseState, Lookup
from shared.cache.near import NearTier, Trust
from shared.cache.replies import MOVING, Command
from shared.cache.stamps import SOFT_AT, changes, new_half
from shared.cache.supervisor import FAULTS, RedisSupervisor
from shared.cache.tags import any_of
from shared.cache.token import Token
from shared.cache.topology import Topology
from shared.deadline import Clock, since_boot
from shared.observing import metrics

_WRITES_WAITING: Final = 1_000
_CLOSE_SECONDS: Final = 1.0
_GRACE_MS: Final = 10_000
"""How much longer than its entry a key lives in Redis.

The expiry of an old key is announced like any other change: it would cost a load in flight its right to be stored.
"""


class TierDown(Exception):
    """The tier does not take the operation at the moment."""


class Size(NamedTuple):
    """What Redis holds, others' keys included."""

    keys: int
    bytes: int


class RedisTier:
    """Entries in Redis, or :class:`TierDown`; a resource of the app, open while it serves."""

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
        self._near = near
        self._keys = keys
        self._clock = clock
        self._supervisor = RedisSupervisor(topology, near, keys, clock=clock, alone=alone, machine=machine)
        self._writes: set[Answers] = set()

    @property
    def up(self) -> bool:
        """Whether the tier takes reads and writes."""
        return self._supervisor.up

    def remembers(self) -> float:
        """For how many seconds Redis has lost nothing; infinite where it is not known to have lost anything."""
        return self._clock() - self._supervisor.lost_at

    async def __aenter__(self) -> Self:
        """Begin to look for Redis."""
        await self._supervisor.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Finish writes under way, for a second at most, and close the connections."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                while self._writes:  # what waits for stamps is written after that
                    await asyncio.wait(self._writes)
        await self._supervisor.__aexit__(kind, error, frames)

    async def tried(self) -> None:
        """Wait until it has been tried for the first time to connect, with whatever result."""
        await self._supervisor.first_attempt.wait()

    async def lookup(self, key: str, token: Token, lease_command: Command | None = None) -> Lookup:
        """The entry under ``key``, and before that the result of ``lease_command``; one round trip.

        Another one where it carries tags whose stamps are not known. They are asked for under ``token``.

        Raises:
            TierDown: Redis is away, or went away just now; costs at most one reply timeout.
        """
        self._require_up()
        try:
            stamps = token.stamps.unknown(self._keys.tags(key))
            answer, found = await self._supervisor.links.lookup(key, self._names(stamps), lease_command)
            self._learn(stamps, found.stamps, token)
            entry = None if found.data is None and not found.wrong_type else await self._entry(key, found, token)
        except FAULTS as error:
            raise self._fault(error) from error
        lease = LeaseState.NONE
        if lease_command is not None and answer is not MOVING:
            lease = LeaseState.TAKEN if answer is None else LeaseState.HELD
        return Lookup(entry, token.stamps, lease)

    async def read(self, keys: Sequence[str], token: Token) -> list[Entry | None]:
        """The entry under each key, all asked at once under ``token``; anything unreadable is none.

        Raises:
            TierDown: Redis is away, or went away just now; costs at most one reply timeout.
        """
        self._require_up()
        try:
            stamps = [self._unknown(key, token) for key in keys]
            found = await self._supervisor.links.read(keys, list(map(self._names, stamps)))
            for some, one in zip(stamps, found, strict=True):
                self._learn(some, one.stamps, token)
            return await self._entries(list(zip(keys, found, strict=True)), token)
        except FAULTS as error:
            raise self._fault(error) from error

    async def read_stamps(self, token: Token) -> None:
        """Know the stamps of all that ``token`` is for, before that is asked for.

        Raises:
            TierDown: Redis is away, or went away just now; costs at most one reply timeout.
        """
        self._require_up()
        own = [tag for key in filter(self._keys.is_entry, token.keys) for tag in self._keys.tags(key)]
        any_of_them = map(any_of, token.tags)  # in whose place one may stand that has to be known as early
        try:
            unknown = token.stamps.unknown({*token.tags, *any_of_them, *own})
            await self._ask_for(unknown, token)
        except FAULTS as error:
            raise self._fault(error) from error

    def write(self, entries: Sequence[tuple[str, Entry]], token: Token, delete: Sequence[str] = ()) -> None:
        """Store entries until they are stale, and then delete keys; nobody waits for it, and it may come to nothing.

        What carries a tag whose stamp is not known is not stored where Redis does not tell of changes.
        """
        if not self._supervisor.up or len(self._writes) >= _WRITES_WAITING:
            return
        stamps = [self._stamps(key, entry, token) for key, entry in entries]
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
                held = [
                    (key, entry)
                    for key, entry in entries
                    if token.holds(key) and self._stamps(key, entry, token) is not None
                ]
            finally:
                self._near.release_token(token)
            self.write(held, token, delete)
            return []

        task = asyncio.get_running_loop().create_task(write(), context=Context())
        self._writes.add(task)
        task.add_done_callback(self._written)

    def post(self, commands: Sequence[tuple[str, Command]]) -> None:
        """Send commands, each about a key; nobody waits for it, and it may come to nothing."""
        if not self._supervisor.up or len(self._writes) >= _WRITES_WAITING:
            return
        try:
            sent = self._supervisor.links.post(commands)
        except FAULTS as error:
            self._supervisor.report_fault(error)
            return
        for answers in sent:
            self._writes.add(answers)
            answers.add_done_callback(self._written)

    async def execute(self, key: str, *commands: Command) -> list[Any]:
        """Send other commands about ``key``; an answer is :data:`MOVING` while its slot is moved to another node.

        Raises:
            TierDown: there is no answer.
        """
        self._require_up()
        try:
            return await self._supervisor.links.execute(key, *commands)
        except FAULTS as error:
            raise self._fault(error) from error

    async def attempt(self, key: str, *commands: Command) -> list[Any]:
        """Send commands about ``key`` that Redis may refuse; a refusal, or another type there, is an error answer.

        An answer is :data:`MOVING` while the slot of ``key`` is moved to another node.

        Raises:
            TierDown: there is no answer.
        """
        self._require_up()
        try:
            return await self._supervisor.links.attempt(key, *commands)
        except FAULTS as error:
            raise self._fault(error) from error

    def listen(self, key: str, changed: Callable[[bool], None]) -> None:
        """Call ``changed`` when ``key`` may have changed, and with True when anything may have: with a new connection.

        It is called with each heartbeat as well.
        """
        self._supervisor.listeners[key] = changed

    def earliest_ms(self) -> int:
        """Milliseconds since the epoch by the clock of Redis, or less."""
        return self._supervisor.redis_clock.earliest_ms()

    async def execute_many(self, commands: Sequence[tuple[str, Command]]) -> list[Any]:
        """Send commands, each about a key, before anything else is sent; their answers, in no order.

        Raises:
            TierDown: there is no answer.
        """
        replies = await self._send_all(commands)
        try:
            return all_usable(replies)
        except FAULTS as error:
            raise self._fault(error) from error

    async def increase(self, key: str, amount: int, milliseconds: int) -> int | None:
        """What the number under ``key`` is increased to, to live so long; None where that is not known.

        Raises:
            NotPermitted: the user may not count; nothing else is wrong.
            TierDown: there is no answer.
        """
        self._require_up()
        try:
            return await self._supervisor.links.increase(key, amount, milliseconds)
        except FAULTS as error:
            raise self._fault(error) from error

    async def run_script(self, script: str, key: str, *arguments: bytes) -> Any:
        """What a script answers about ``key``.

        Raises:
            NotPermitted: the user may not run any; nothing else is wrong.
            TierDown: there is no answer.
        """
        self._require_up()
        try:
            return await self._supervisor.links.run_script(script, key, *arguments)
        except FAULTS as error:
            raise self._fault(error) from error

    async def unlink_matching(self, pattern: str) -> bool:
        """Delete all that matches a glob, here and in memory; tells whether it is gone from every node.

        Raises:
            NotPermitted: the user may not look for keys; nothing else is wrong.
            TierDown: it is not certain what is gone.
        """
        self._require_up()
        try:
            return await self._supervisor.links.unlink_matching(pattern, self._near.invalidate)
        except FAULTS as error:
            raise self._fault(error) from error

    async def read_raw(self, key: str) -> tuple[bytes | None, Entry | None]:
        """What stands under ``key`` as it is, and the entry that it is; what is no string is deleted.

        Raises:
            TierDown: there is no answer.
        """
        self._require_up()
        try:
            (found,) = await self._supervisor.links.read([key], [[]])
            if found.wrong_type:
                await self._supervisor.links.execute(key, ("UNLINK", key))
        except FAULTS as error:
            raise self._fault(error) from error
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
        replies = await self._send_all(commands)
        if MOVING in replies:
            raise TierDown
        if any(map(is_wrong_type, replies)):  # whatever somebody has put in the place of a stamp: nothing is believed
            self._near.invalidate(map(self._keys.mark, tags))  # what was read meanwhile was compared with that
            await self.purge(tags, keep, hard=True)

    async def purge_all(self) -> None:
        """Begin another generation: whatever any process has stored or is loading is outdated.

        Raises:
            TierDown: it is not certain that it has begun.
        """
        generation = os.urandom(8)
        await self._send_to_node(self._keys.generation, ("SET", self._keys.generation, generation))
        self._supervisor.start_generation(generation)

    async def size(self) -> Size | None:
        """What Redis holds, or None while it cannot be asked."""
        if not self._supervisor.up:
            return None
        try:
            replies = await self._supervisor.links.execute_all(("DBSIZE",), ("INFO", "memory"))
        except FAULTS:
            return None
        return Size(sum(_number(keys) for keys, _ in replies), sum(_used_memory(memory) for _, memory in replies))

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

    async def _entry(self, key: str, found: Found, token: Token) -> Entry | None:
        (entry,) = await self._entries([(key, found)], token)
        return entry

    async def _entries(self, found: Sequence[tuple[str, Found]], token: Token) -> list[Entry | None]:
        stored = [(key, self._stored(key, one)) for key, one in found]
        tagged = [(key, one.tags) for key, one in stored if one is not None and one.tags]
        unknown = {tag for key, tags in tagged for tag in self._unknown(key, token, tags)}
        await self._ask_for(list(unknown), token)
        return [None if one is None else self._standing(key, one, token) for key, one in stored]

    def _stored(self, key: str, found: Found) -> StoredEntry | None:
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
        return stored if stored.generation == self._near.generation else None

    def _standing(self, key: str, stored: StoredEntry, token: Token) -> Entry | None:
        """The entry, as far as no purge has taken it; none where that is not known."""
        current = token.stamps.joined(self._keys.tags(key, stored.tags))
        if current is None:
            return None
        try:
            if len(current) != len(stored.stamps):
                raise UnreadableEntry
            outdated, hard = changes(stored.stamps, current)
            entry = None if hard else self._checked(key, stored)
        except ValueError:  # whatever it is that nobody of us has written
            metrics.cache_unreadable.inc()
            return None
        if entry is not None and outdated:
            if entry.stale_until <= entry.fresh_until:
                return None
            entry.outdate(self._clock())
        return entry

    def _checked(self, key: str, stored: StoredEntry) -> Entry | None:
        """The entry, whole; None where this process keeps none such, or not for so long.

        Raises:
            ValueError: nobody of us has written it.
        """
        rules = self._keys.kind(key).rules(negative=stored.negative)
        if rules is None:
            raise UnreadableEntry
        now = self._clock()
        entry = stored.entry(self._supervisor.redis_clock.latest_ms(), now, rules.fresh, rules.kept)
        if not entry.is_kept(now):
            return None
        entry.decoded = rules.read(self._keys.subject(key), entry.value)
        entry.decoded_size = 0 if entry.decoded is None else rules.sizeof(entry.decoded)
        return entry

    async def _send_all(self, commands: Sequence[tuple[str, Command]]) -> list[Any]:
        """Send commands, each about a key; their answers, in no order, one of which may be that of another type there.

        Raises:
            TierDown: there is no answer.
        """
        self._require_up()
        try:
            answers = await asyncio.gather(*self._supervisor.links.send(commands))
            return [one if is_wrong_type(one) else usable(one) for replies in answers for one in replies]
        except FAULTS as error:
            raise self._fault(error) from error

    async def _send_to_node(self, key: str, *commands: Command) -> None:
        """Send commands of which none may come to nothing.

        Raises:
            TierDown: one of them may have; a key that is being moved to another node does not get them.
        """
        if MOVING in await self.execute(key, *commands):
            raise TierDown

    def _written(self, answers: Answers) -> None:
        self._writes.discard(answers)
        try:
            all_usable(answers.result())
        except FAULTS as error:
            self._supervisor.report_fault(error)

    def _require_up(self) -> None:
        if not self._supervisor.up:
            raise TierDown

    def _fault(self, error: Exception) -> TierDown:
        self._supervisor.report_fault(error)
        return TierDown()


def _number(reply: Any) -> int:
    return 0 if isinstance(reply, ResponseError) else int(reply)


def _used_memory(reply: Any) -> int:
    if not isinstance(reply, bytes):
        return 0
    lines = (line.partition(b":") for line in reply.splitlines())
    return next((int(value) for name, _, value in lines if name == b"used_memory" and value.isdigit()), 0)
