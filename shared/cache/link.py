"""One connection to one Redis node, on which this process does everything: reads, writes, and hearing of changes.

Commands are pipelined: whoever asks joins the queue, and all that was asked in one turn of the loop leaves together.
Redis answers in order, and tells of changes (`CLIENT TRACKING … BCAST … NOLOOP`, server-assisted client-side caching)
on this same connection, so that an answer and the change that outdates it cannot overtake each other, and what this
process writes itself is not told back to it. An answer that is overdue means that all are: the link is lost at once.
"""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

Command = tuple[Any, ...]
Changed = Callable[[Iterable[str] | None], None]
"""Told the keys that others have changed, or None for all."""

REPLY_SECONDS: Final = 0.15
_GRACE_SECONDS: Final = 0.05
_TURNS: Final = 4
_WAITING_MOST: Final = 10_000
_PUSHED: Final = object()


class LinkLost(Exception):
    """The connection is gone, or answers too late to be of use."""


class _Group:
    """Commands that were asked together, and the answers so far."""

    __slots__ = ("asked_at", "count", "future", "replies")

    def __init__(self, count: int, asked_at: float, future: "asyncio.Future[list[Any]]") -> None:
        self.count = count
        self.asked_at = asked_at
        self.future = future
        self.replies: list[Any] = []


class Link:
    """A pipelined connection; open it once, and make another when it is lost."""

    def __init__(self, connection: AbstractConnection, changed: Changed) -> None:
        """``connection`` speaks RESP3 and is not connected yet; ``changed`` hears of every change under the prefix."""
        self._connection = connection
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._outgoing: list[bytes] = []
        self._waiting: deque[_Group] = deque()
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._patient = True
        self._tasks: list[asyncio.Task[None]] = []
        self.lost: asyncio.Future[BaseException] = self._loop.create_future()

    async def open(self, prefix: str) -> bool:
        """Connect, and ask to be told of changes to keys under ``prefix``; False when Redis does not do that.

        Raises:
            RedisError, OSError: there is no connection to be had.
        """
        await self._connection.connect()
        parser: Any = self._connection._parser  # noqa: SLF001 - redis-py has no other way in
        parser.set_invalidation_push_handler(self._on_push)
        tracked = await self._track(prefix)
        for work in (self._read, self._write):
            self._tasks.append(self._loop.create_task(self._until_lost(work), name=f"redis-link-{work.__name__}"))
        return tracked

    def ask(self, *commands: Command) -> "asyncio.Future[list[Any]]":
        """Send ``commands``; the future has their answers, each a value or a ``ResponseError``.

        The future fails with :class:`LinkLost`.
        """
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        if self.lost.done() or len(self._waiting) >= _WAITING_MOST:
            future.set_exception(LinkLost("lost" if self.lost.done() else "too many commands wait"))
            return future
        pack = self._connection.pack_command
        for command in commands:
            self._outgoing.extend(pack(*command))
        now = self._loop.time()
        self._waiting.append(_Group(len(commands), now, future))
        self._wake.set()
        if self._timer is None:
            self._arm(REPLY_SECONDS)
        return future

    def lose(self, error: BaseException) -> None:
        """Give the connection up: everything that waits for an answer fails."""
        if self.lost.done():
            return
        self.lost.set_result(error)
        waiting, self._waiting = self._waiting, deque()
        for group in waiting:
            if not group.future.done():
                group.future.set_exception(LinkLost(type(error).__name__))

    async def close(self) -> None:
        """End the connection."""
        self.lose(LinkLost("closed"))
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(RedisError, OSError):
            await self._connection.disconnect(nowait=True)

    async def _track(self, prefix: str) -> bool:
        await self._connection.send_command("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", prefix, "NOLOOP")
        try:
            await self._connection.read_response()
        except ResponseError:
            return False
        return True

    async def _until_lost(self, work: "Callable[[], Any]") -> None:
        try:
            await work()
        except (RedisError, OSError, IndexError) as error:  # IndexError: an answer that nobody has asked for
            self.lose(error)

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            outgoing, self._outgoing = self._outgoing, []
            await self._connection.send_packed_command(outgoing, check_health=False)

    async def _read(self) -> None:
        read = self._connection.read_response
        reply: Any
        while True:
            try:
                reply = await read(disable_decoding=True, timeout=math.inf, push_request=True)
            except ResponseError as error:
                reply = error
            if reply is _PUSHED:
                continue
            group = self._waiting[0]
            group.replies.append(reply)
            if len(group.replies) == group.count:
                self._waiting.popleft()
                self._patient = True
                if not group.future.done():
                    group.future.set_result(group.replies)

    async def _on_push(self, message: list[Any]) -> object:
        names = message[1]
        self._changed(None if names is None else [name.decode("utf-8", "replace") for name in names])
        return _PUSHED

    def _arm(self, seconds: float) -> None:
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._waiting or self.lost.done():
            return
        now = self._loop.time()
        left = self._waiting[0].asked_at + REPLY_SECONDS - now
        if left > 0:
            self._arm(left)
        elif self._patient and now - self._due > _GRACE_SECONDS:
            # The loop itself was held up: the answer may be here and not have been read yet.
            self._patient = False
            self._arm(_GRACE_SECONDS)
        else:
            self._doubt(self._waiting[0], _TURNS)

    def _doubt(self, group: _Group, turns: int) -> None:
        # What came while the loop was busy is read in its next turns: not before is it known what has not come.
        if self.lost.done() or not self._waiting:
            return
        if self._waiting[0] is not group:
            if self._timer is None:
                self._arm(max(0.0, self._waiting[0].asked_at + REPLY_SECONDS - self._loop.time()))
        elif turns:
            self._loop.call_soon(self._doubt, group, turns - 1)
        else:
            self.lose(TimeoutError(f"no answer within {REPLY_SECONDS} s"))
