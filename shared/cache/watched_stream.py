"""A Redis Stream that every process reads on: what one appends, all others have within milliseconds.

It is read on when Redis tells that it has changed, with every heartbeat, and with each new connection. What becomes of
what stands there, and when it is read from the beginning, is the owner's business (``watched_log``, ``event_stream``).

A key of another type, and a stream that is too large to be read, are deleted. A user who may not read, or append, lacks
only that; the log says so once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any, Final

from shared.cache.answers import is_odd_command, is_refused, is_wrong_type
from shared.cache.redis_client import RedisClient, TierDown
from shared.cache.redis_errors import error_text, is_caused_by
from shared.cache.replies import MOVING, Command
from shared.cache.resp import ReplyTooLarge
from shared.cancellation import cancel_and_wait
from shared.observing import metrics
from shared.observing.logs import log, log_error

_START_SECONDS: Final = 1.0

Record = tuple[bytes, list[bytes]]
"""The id of a record, and its fields and values by turns."""


class StreamRefused(Exception):
    """The node is well, and does not do this command."""

    def __init__(self, command: str, reply: Exception) -> None:
        self.command = command
        self.text = error_text(reply)
        self.may_be_old = is_odd_command(reply)
        super().__init__(self.text)


class WatchedStream:
    """The stream under ``key``, which ``read_on`` reads on, one call after another.

    It is called with True where what has been read before may be no longer there, or the last call has failed.
    """

    def __init__(self, key: str, tier: RedisClient, read_on: Callable[[bool], Awaitable[None]]) -> None:
        self.key = key
        self._tier = tier
        self._read_on = read_on
        self._in_doubt = True
        self._too_large = False
        self._refusals: dict[str, str] = {}
        self._wanted = False
        self._task: asyncio.Task[None] | None = None
        self._looked = asyncio.Event()  # for the first time, with whatever result
        tier.listen(key, self._on_change)

    async def open(self) -> None:
        """Wait until it has been read, if Redis is there, for a second at most."""
        if self._tier.up:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_START_SECONDS):
                    await self._looked.wait()

    async def close(self) -> None:
        """Read no more."""
        if self._task is not None:
            await cancel_and_wait(self._task)

    @property
    def is_refused(self) -> bool:
        """Whether a command that is not known to be permitted by now has been refused."""
        return bool(self._refusals)

    async def page(self, first: bytes, count: int) -> list[Record]:
        """So many records, from the id ``first`` on, that one included.

        Raises:
            TierDown, StreamRefused: they cannot be read.
        """
        (reply,) = await self.ask(("XRANGE", self.key, first, b"+", b"COUNT", count))
        if is_wrong_type(reply):
            metrics.cache_unreadable.inc()
            await self.delete()
            return []
        return [(record_id, fields) for record_id, fields in reply]

    async def delete(self) -> None:
        """Delete it.

        Raises:
            TierDown, StreamRefused: it may be there still.
        """
        await self.ask(("UNLINK", self.key))

    async def ask(self, *commands: Command) -> list[Any]:
        """What Redis answers to commands of one sort about it; of another type than it should be is an answer too.

        Raises:
            TierDown, StreamRefused: there is none.
        """
        name = str(commands[0][0])
        replies = await self._tier.attempt(self.key, *commands)
        if MOVING in replies:
            raise TierDown
        refused = next(filter(is_refused, replies), None)
        if refused is not None:
            raise StreamRefused(name, refused)
        self._refusals.pop(name, None)
        return replies

    def failed(self, error: Exception) -> None:
        """Something that was to be done with it has come to nothing: it is looked at from the beginning."""
        self._in_doubt = True
        self._note(error)

    def _on_change(self, everything: bool) -> None:
        self._in_doubt = self._in_doubt or everything
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work(), context=Context())

    async def _work(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                if self._too_large:
                    await self.delete()
                    self._too_large = False
                in_doubt, self._in_doubt = self._in_doubt, False
                await self._read_on(in_doubt)
            except StreamRefused as error:
                self._note(error)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again with the next heartbeat
                self.failed(error)
            self._looked.set()

    def _note(self, error: Exception) -> None:
        if isinstance(error, StreamRefused):
            if self._refusals.get(error.command) != error.text:
                self._refusals[error.command] = error.text
                log("warning", "redis refuses a log", "cache", log=self.key, command=error.command, error=error.text)
        elif isinstance(error, TierDown):  # logged and counted by the tier
            self._too_large = self._too_large or is_caused_by(error, ReplyTooLarge)
        else:
            log_error("log not read", "cache", error, log=self.key)
