"""One pipelined connection to a Redis node, for reads, writes and invalidation messages alike.

Commands are pipelined: nobody waits for another's answer before asking. Redis answers in order, and tells of changes
(`CLIENT TRACKING … BCAST … NOLOOP`, server-assisted client-side caching) on this same connection, so that an answer and
the change that outdates it cannot overtake each other, and what this process writes itself is not announced to it. An
answer that is overdue means that all are: the link is lost at once. In the last third of its time it is looked several
times whether it has come: if this process, or the whole machine, was held up meanwhile, there is time between one look
and the next for Redis to answer, and to read that.

redis-py opens the connection (TLS, credentials, `HELLO 3`); from then on it is a plain asyncio protocol, read and
written by hiredis (docs/decisions/0010-redis-protocol.md).
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Final, cast

import msgspec
from hiredis import PushNotification, Reader, pack_command
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import InvalidResponse, RedisError, ResponseError

from shared.cache.replies import Command, ReplyTypes, check, never, outdated_keys, reply_types
from shared.cache.resp import MAX_BYTES, ReplyBounds, ReplyTooLarge
from shared.observing.logs import log_error

Changed = Callable[[Iterable[str] | None], None]
"""Told the keys that others have changed, or None for all."""

_POST_SECONDS: Final = 0.001
_WATCHED_SHARE: Final = 1 / 3
_LOOKS: Final = 5
_CLOCK_SECONDS: Final = 1e-6
"""A timer may be so much too early."""
_MAX_WAITING: Final = 10_000
_NOTHING: Final = object()
_pack: Final = cast("Callable[[Command], bytes]", pack_command)  # which is declared for commands of one word


class LinkLost(Exception):
    """The connection is gone, or answers too late to be of use."""


class BoundedReader(Reader):
    """Refuses what Redis announces out of all proportion."""

    def __init__(self, **options: Any) -> None:
        """``options`` are those of ``hiredis.Reader``."""
        super().__init__(**options)
        self._check = ReplyBounds().check
        self._feed = super().feed

    def feed(self, data: bytes) -> None:  # type: ignore[override]
        """Take bytes, after all that was complete has been got.

        Raises:
            InvalidResponse: that is not to be read any further.
        """
        self._check(data, self.has_data())
        self._feed(data)


class _Group(msgspec.Struct, eq=False):
    """Commands that were asked together, what is expected for the next ones, and the answers so far."""

    expected: Iterator[ReplyTypes]
    size: int
    asked_at: float
    future: "asyncio.Future[list[Any]]"
    replies: list[Any] = msgspec.field(default_factory=list)


class Link(asyncio.Protocol):
    """A pipelined connection; open it once, and make another when it is lost."""

    def __init__(self, connection: AbstractConnection, changed: Changed, reply_seconds: float) -> None:
        """``connection`` speaks RESP3 and is not connected yet; ``changed`` gets every change under the prefixes.

        An answer may take ``reply_seconds``.
        """
        self._connection = connection
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = BoundedReader(protocolError=InvalidResponse, replyError=ResponseError, notEnoughData=_NOTHING)
        self._unfinished = 0
        self._outgoing: list[bytes] = []
        self._flushing = False
        self._post_timer: asyncio.TimerHandle | None = None
        self._waiting: deque[_Group] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._reply_seconds = reply_seconds
        self._unwatched_seconds = reply_seconds * (1 - _WATCHED_SHARE)
        self._look_seconds = reply_seconds * _WATCHED_SHARE / _LOOKS
        self._looks: deque[float] = deque(maxlen=_LOOKS + 1)
        self._due = 0.0
        self._was_late = False
        self.lost: asyncio.Future[BaseException] = self._loop.create_future()

    async def open(self, *prefixes: str) -> bool:
        """Connect, and ask for invalidations of keys under ``prefixes``; returns False when Redis does not send any.

        None of them begins like another.

        Raises:
            RedisError, OSError, LinkLost: there is no connection to be had.
        """
        await self._connection.connect()
        if await self._connection.can_read():
            raise NoConnection("closed, or an answer to nothing")
        writer: Any = self._connection._writer  # noqa: SLF001 - redis-py has no other way to hand it over
        self._transport = writer.transport
        writer.transport.set_protocol(self)
        watched = chain.from_iterable(("PREFIX", prefix) for prefix in prefixes)
        (reply,) = await self.execute(("CLIENT", "TRACKING", "ON", "BCAST", *watched, "NOLOOP"))
        return not isinstance(reply, ResponseError)

    def execute(self, *commands: Command) -> "asyncio.Future[list[Any]]":
        """Send ``commands``; the future has their answers, each a value or a ``ResponseError``.

        The future fails with :class:`LinkLost`.
        """
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)
        return self._queue(commands)

    def post(self, *commands: Command) -> "asyncio.Future[list[Any]]":
        """Send ``commands`` together with what is asked next, or in a millisecond; otherwise like :meth:`execute`.

        Under load that spares a system call, and this process and Redis a wake-up.
        """
        if self._post_timer is None:
            self._post_timer = self._loop.call_later(_POST_SECONDS, self._flush_later)
        return self._queue(commands)

    def _queue(self, commands: tuple[Command, ...]) -> "asyncio.Future[list[Any]]":
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        if self._transport is None or self.lost.done() or len(self._waiting) >= _MAX_WAITING:
            future.set_exception(LinkLost("too many commands wait" if self._waiting else "lost"))
            return future
        self._outgoing.extend(map(_pack, commands))
        self._waiting.append(_Group(iter(reply_types(commands)), len(commands), self._loop.time(), future))
        if self._timer is None:
            self._arm(self._unwatched_seconds)
        return future

    def abort(self, error: BaseException) -> None:
        """Give the connection up: everything that waits for an answer fails."""
        if self.lost.done():
            return
        self.lost.set_result(error)
        waiting, self._waiting = self._waiting, deque()
        cause: BaseException | None = error  # of the first alone, whose answer was being read
        for group in waiting:
            if not group.future.done():
                lost = LinkLost(type(error).__name__)
                lost.__cause__, cause = cause, None
                group.future.set_exception(lost)

    async def close(self) -> None:
        """End the connection."""
        self.abort(LinkLost("closed"))
        for timer in (self._timer, self._post_timer):
            if timer is not None:
                timer.cancel()
        if self._transport is not None:
            self._transport.abort()  # what a node that hangs does not take in would keep the socket open
        with contextlib.suppress(RedisError, OSError):
            await self._connection.disconnect(nowait=True)

    def data_received(self, data: bytes) -> None:
        """Redis answers, or tells of changes."""
        if self.lost.done():
            return
        self._unfinished += len(data)
        gets = self._reader.gets
        try:
            self._reader.feed(data)
            group = None
            while (reply := gets(False)) is not _NOTHING:
                self._unfinished = 0
                kind = type(reply)
                if kind is PushNotification:
                    self._on_push(reply)
                    continue
                if group is None:
                    group = self._waiting[0]
                    replies, expected = group.replies, group.expected
                wanted = next(expected).get(kind, never)
                if wanted is not None and wanted != reply:
                    check(reply, wanted)
                replies.append(reply)
                if len(replies) == group.size:
                    group = None
                    self._complete()
        except (RedisError, IndexError) as error:  # IndexError: an answer that nobody has asked for
            self.abort(error)
        except Exception as error:  # noqa: BLE001 - hiredis raises TypeError for a map with a list for a key
            log_error("answer of redis cannot be read", "cache", error, level="warning")
            self.abort(error)
        if self._unfinished > MAX_BYTES:
            self.abort(ReplyTooLarge("an answer without end"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self.abort(exc or NoConnection("closed by Redis"))

    def _flush_later(self) -> None:
        self._post_timer = None
        self._flush()

    def _flush(self) -> None:
        self._flushing = False
        outgoing, self._outgoing = self._outgoing, []
        if outgoing and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(outgoing))

    def _complete(self) -> None:
        group = self._waiting.popleft()
        if not group.future.done():
            group.future.set_result(group.replies)

    def _on_push(self, message: list[Any]) -> None:
        if (names := outdated_keys(message)) != []:
            self._changed(names)

    def _arm(self, seconds: float) -> None:
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_later(seconds, self._check_overdue)

    def _check_overdue(self) -> None:
        self._timer = None
        if self.lost.done() or not self._waiting:
            self._looks.clear()
            return
        now = self._loop.time()
        # Before a look that comes late Redis may have had no time; the next one counts, however late that is.
        self._was_late = not self._was_late and now - self._due > self._look_seconds / 2
        if not self._was_late:
            self._looks.append(now)
        watched_from = self._waiting[0].asked_at + self._unwatched_seconds
        if len(self._looks) > _LOOKS and self._looks[0] >= watched_from - _CLOCK_SECONDS:
            self.abort(TimeoutError(f"no answer within {self._reply_seconds} s"))
        else:
            self._arm(max(watched_from - now, self._look_seconds))
