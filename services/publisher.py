"""Tells what stands in the outbox, within milliseconds of each change, and never less than once.

Whoever has made a change wakes it. What another process has left behind is looked for every second. While nobody takes
events they stay where they are, and it is tried again, ever more slowly.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from contextvars import Context
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Final, Self

from services.outbox import Outbox, Waiting
from services.points import Passing, unnoticed
from services.read_cache import ReadCache
from services.sinks import Sink, Taken
from services.turn import NotOurTurn
from shared.cancellation import cancel_and_wait
from shared.errors import ServiceUnavailable
from shared.observing import metrics
from shared.observing.background import keep_running
from shared.observing.logs import log

_POLL_SECONDS: Final = 1.0
_TURN_SECONDS: Final = 0.01
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0
_CLOSE_SECONDS: Final = 1.0


class Publisher:
    """Moves events from ``outbox`` to ``sink``; a resource of the app, open while it serves and its database is."""

    def __init__(
        self,
        outbox: Outbox,
        sink: Sink,
        reads: ReadCache,
        is_open: Callable[[], bool],
        passing: Passing = unnoticed,
    ) -> None:
        """``reads`` forgets what is outdated before anybody is told; ``is_open`` tells whether there is an outbox."""
        self._outbox = outbox
        self._sink = sink
        self._reads = reads
        self._is_open = is_open
        self._passing = passing
        self._wanted = asyncio.Event()
        self._failure = ""
        self._logged = ""
        self._pause = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin with what an earlier process has left behind."""
        for outcome in metrics.OUTBOX_OUTCOMES:
            metrics.outbox_published.labels(outcome)
        work = keep_running(self._work, "publisher")
        self._task = asyncio.get_running_loop().create_task(work, name="publisher", context=Context())
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Tell what the last requests have changed, if that can be done within a second."""
        if self._task is not None:
            await cancel_and_wait(self._task)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._tell_all()

    def wake(self) -> None:
        """There may be something to tell."""
        self._wanted.set()

    async def _work(self) -> None:
        while True:
            if self._pause:
                await asyncio.sleep(self._pause * random.uniform(0.8, 1))  # noqa: S311 - nothing here is a secret
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_SECONDS):
                        await self._wanted.wait()
            woken = self._wanted.is_set() and not self._failure
            self._wanted.clear()
            if woken or await self._look():
                await self._tell_all()

    async def _look(self) -> bool:
        """Whether there is something to be told; measured on this occasion."""
        if not self._is_open():
            return False
        try:
            waiting, age = await self._outbox.backlog()
        except ServiceUnavailable:  # the database logs what is the matter
            return False
        metrics.outbox_events.set(waiting)
        metrics.outbox_age.set(age)
        if not waiting:
            self._note("")
        return waiting > 0

    async def _tell_all(self) -> None:
        if not self._is_open():
            return
        try:
            while await self._outbox.deliver(self._tell) and not self._failure:
                self._passing("forgotten")
        except NotOurTurn:
            self._pause = _TURN_SECONDS
            self.wake()
            return
        except ServiceUnavailable as error:
            self._failure = error.detail
        except OSError as error:
            self._failure = str(error)
        self._note(self._failure)

    async def _tell(self, waiting: Sequence[Waiting]) -> int:
        self._passing("taken")
        ready = await self._forgotten(waiting)
        taken, self._failure = await self._sink.tell([one.event for one in ready]) if ready else Taken(0)
        if len(ready) < len(waiting):
            self._failure = self._failure or "not all read caches can be told to forget"
        metrics.outbox_published.labels(self._sink.outcome).inc(taken)
        if self._failure:
            metrics.outbox_published.labels("failed").inc(len(waiting) - taken)
        self._passing("told")
        return taken

    async def _forgotten(self, waiting: Sequence[Waiting]) -> Sequence[Waiting]:
        """The first of them, as far as no read cache has anything of before these changes."""
        names = dict.fromkeys(name for one in waiting for name in one.outdated)
        if await self._reads.outdate([*names]):
            return waiting
        kept_since = datetime.now(UTC) - timedelta(seconds=self._reads.longest_life)
        return [*takewhile(lambda one: one.stored_at < kept_since, waiting)]

    def _note(self, failure: str) -> None:
        """That it has failed for this reason, or ("") has not: logged when that changes."""
        self._failure = failure
        if failure:
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        else:
            self._pause = 0.0
        if failure != self._logged:
            self._logged = failure
            if failure:
                log("warning", "events held back", "outbox", reason=failure)
            else:
                log("info", "events are told again", "outbox")
