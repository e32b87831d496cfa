"""Asks Redis while it is up, and raises at once while it is not (``supervisor``)."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from redis.exceptions import ResponseError

from shared.cache.answers import all_usable, allowed, is_refused, is_wrong_type, sum_in, usable
from shared.cache.links import Answers
from shared.cache.replies import Command
from shared.cache.supervisor import FAULTS, RedisSupervisor
from shared.deadline import Clock

WRITES_WAITING: Final = 1_000
_CLOSE_SECONDS: Final = 1.0
_find_used_memory: Final = re.compile(rb"^used_memory:([0-9]+)\r?$", re.MULTILINE).search


class TierDown(Exception):
    """The tier does not take the operation at the moment."""


class Size(NamedTuple):
    """What Redis holds, others' keys included."""

    keys: int
    bytes: int


class _Asking:
    """Asks nothing of a Redis that is away; a fault of one that was there is :class:`TierDown` too."""

    def __init__(self, supervisor: RedisSupervisor) -> None:
        self._supervisor = supervisor

    def __enter__(self) -> None:
        if not self._supervisor.up:
            raise TierDown

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        if isinstance(error, FAULTS):
            raise self.fault(error) from error

    def fault(self, error: Exception) -> TierDown:
        """What a fault is to whoever has asked."""
        self._supervisor.report_fault(error)
        return TierDown()


class RedisClient:
    """Gives commands to Redis; a resource of the app, open while it serves."""

    def __init__(self, supervisor: RedisSupervisor, clock: Clock) -> None:
        """``clock`` is that of ``supervisor``."""
        self._supervisor = supervisor
        self._clock = clock
        self._asking = _Asking(supervisor)
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

    def listen(self, key: str, changed: Callable[[bool], None]) -> None:
        """Call ``changed`` when ``key`` may have changed, and with True when anything may have: with a new connection.

        It is called with each heartbeat as well.
        """
        self._supervisor.listeners[key] = changed

    def earliest_ms(self) -> int:
        """Milliseconds since the epoch by the clock of Redis, or less."""
        return self._supervisor.redis_clock.earliest_ms()

    def post(self, commands: Sequence[tuple[str, Command]]) -> None:
        """Send commands, each about a key; nobody waits for it, and it may come to nothing."""
        if not self._supervisor.up or len(self._writes) >= WRITES_WAITING:
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
        with self._asking:
            return all_usable(await self._supervisor.links.ask(key, *commands))

    async def attempt(self, key: str, *commands: Command) -> list[Any]:
        """Send commands about ``key`` that Redis may refuse; a refusal, or another type there, is an error answer.

        An answer is :data:`MOVING` while the slot of ``key`` is moved to another node.

        Raises:
            TierDown: there is no answer.
        """
        with self._asking:
            replies = await self._supervisor.links.ask(key, *commands)
            return [one if is_refused(one) or is_wrong_type(one) else usable(one) for one in replies]

    async def execute_many(self, commands: Sequence[tuple[str, Command]]) -> list[Any]:
        """Send commands, each about a key, before anything else is sent; their answers.

        Raises:
            TierDown: there is no answer.
        """
        with self._asking:
            return all_usable(await self._supervisor.links.send(commands))

    async def increase(self, key: str, amount: int, milliseconds: int) -> int | None:
        """What the number under ``key`` is increased to, to live so long; None where that is not known.

        Raises:
            NotPermitted: the user may not count; nothing else is wrong.
            TierDown: there is no answer.
        """
        counting = ("INCRBY", key, amount), ("PEXPIRE", key, milliseconds)
        with self._asking:
            # The second answer says nothing new: it is about the same key.
            return sum_in((await self._supervisor.links.ask(key, *counting))[0])

    async def run_script(self, script: str, key: str, *arguments: bytes) -> Any:
        """What a script answers about ``key``.

        Raises:
            NotPermitted: the user may not run any; nothing else is wrong.
            TierDown: there is no answer.
        """
        with self._asking:
            return allowed((await self._supervisor.links.ask(key, ("EVAL", script, 1, key, *arguments)))[0])

    async def size(self) -> Size | None:
        """What Redis holds, or None while it cannot be asked."""
        if not self.up:
            return None
        try:
            replies = await self._supervisor.links.execute_all(("DBSIZE",), ("INFO", "memory"))
        except FAULTS:
            return None
        return Size(sum(_number(keys) for keys, _ in replies), sum(_used_memory(memory) for _, memory in replies))

    def _written(self, answers: Answers) -> None:
        self._writes.discard(answers)
        try:
            all_usable(answers.result())
        except FAULTS as error:
            self._supervisor.report_fault(error)


def _number(reply: Any) -> int:
    return 0 if isinstance(reply, ResponseError) else int(reply)


def _used_memory(reply: Any) -> int:
    found = _find_used_memory(reply) if isinstance(reply, bytes) else None
    return int(found[1]) if found else 0
