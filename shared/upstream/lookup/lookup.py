"""Where the instances of a service are, looked up again and again in the background and never on a request's way.

What was found stays true until something else is found: a look-up that fails, hangs or finds nothing changes nothing
(a name server is more often wrong than all instances are gone), and what else the service's address names goes on.
Time is the loop's.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, Self

from shared.cancellation import cancel_and_wait
from shared.observing import metrics
from shared.observing.background import keep_running
from shared.observing.logs import log_deduplicated, log_error
from shared.upstream.lookup.address import By, Target
from shared.upstream.lookup.failure import LookupFailed
from shared.upstream.lookup.find import Find, known
from shared.upstream.lookup.location import Location

EVERY_SECONDS: Final = 2.0
AT_MOST_EVERY_SECONDS: Final = 0.25
BOUND_SECONDS: Final = 1.0
"""After which a look-up counts as hanging; what it finds later is taken all the same."""
MOST: Final = 1_000
"""Instances of one service."""
_JITTER: Final = (0.9, 1.1)
_TOGETHER_SECONDS: Final = 0.1
"""So long what one target has waits for what the others have: instances that are known at once start as equals."""

Changed = Callable[[tuple[Location, ...]], object]
Draw = Callable[[float, float], float]


class Lookup:
    """Keeps looking up one service; a resource of the app, an async context manager."""

    def __init__(
        self, service: str, targets: Sequence[Target], find: Find, changed: Changed, draw: Draw = random.uniform
    ) -> None:
        """``changed`` is told of each set of instances that differs from the one before; it must not raise."""
        self._service = service
        self._find = find
        self._changed = changed
        self._draw = draw
        self._named = [target for target in targets if target.by is not By.ADDRESS]
        self._sets: dict[Target, Sequence[Location]] = {
            target: (known(target),) for target in targets if target.by is By.ADDRESS
        }
        self._found: tuple[Location, ...] = ()
        self._any = asyncio.Event()
        self._hurried = asyncio.Event()
        self._unfinished: dict[Target, asyncio.Task[Sequence[Location]]] = {}
        self._uncounted: set[Target] = set()
        self._failing: set[Target] = set()
        self._gathering = False
        self._too_many = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._publish()
        if self._named:
            self._task = asyncio.create_task(keep_running(self._look_up, "upstream lookup"))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task, *self._unfinished.values())

    def hurry(self) -> None:
        """Look up now, or as soon as may be: a connection has failed."""
        self._hurried.set()

    async def found(self) -> tuple[Location, ...]:
        """The instances; as long as none has ever been found, waits, for which callers have timeouts of their own."""
        if not self._found:
            self.hurry()
            await self._any.wait()
        return self._found

    async def _look_up(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            self._hurried.clear()
            await self._round()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(began + EVERY_SECONDS * self._draw(*_JITTER)):
                    await self._hurried.wait()
            await asyncio.sleep(began + AT_MOST_EVERY_SECONDS - loop.time())

    async def _round(self) -> None:
        """One look-up of each target, at most one at a time of each; counted once, whatever becomes of it."""
        self._uncounted = set(self._named)
        tasks = [self._unfinished.get(target) or self._begin(target) for target in self._named]
        self._gathering = True
        try:
            _, late = await asyncio.wait(tasks, timeout=_TOGETHER_SECONDS)
        finally:
            self._gathering = False
        self._publish()
        if late:
            await asyncio.wait(late, timeout=BOUND_SECONDS - _TOGETHER_SECONDS)
        for target in self._named:
            if target in self._unfinished:
                self._note(target, "timeout")

    def _begin(self, target: Target) -> "asyncio.Task[Sequence[Location]]":
        task = self._unfinished[target] = asyncio.create_task(self._find(target))
        task.add_done_callback(partial(self._take, target))
        return task

    def _take(self, target: Target, task: "asyncio.Task[Sequence[Location]]") -> None:
        """Take what came of a look-up, in time or late."""
        del self._unfinished[target]
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            if not isinstance(error, LookupFailed):
                log_error("look-up ended unexpectedly", "upstream", error, upstream=self._service)
            self._note(target, "failure", str(error))
        elif not (found := task.result()):
            self._note(target, "empty")
        else:
            self._sets[target] = found
            self._note(target, "success")
            if not self._gathering:
                self._publish()

    def _note(self, target: Target, outcome: str, reason: str = "") -> None:
        """Count it, and log it where it is no longer as it was."""
        if target in self._uncounted:
            self._uncounted.discard(target)
            metrics.upstream_lookups.labels(self._service, outcome).inc()
        if outcome == "success":
            if target in self._failing:
                self._failing.discard(target)
                log_deduplicated("info", "look-up works again", "upstream", upstream=self._service, name=target.host)
        elif target not in self._failing:
            self._failing.add(target)
            facts = {"outcome": outcome, **({"reason": reason} if reason else {})}
            log_deduplicated("warning", "look-up failed", "upstream", upstream=self._service, name=target.host, **facts)

    def _publish(self) -> None:
        """Tell of what all targets have together, if it is something else than before."""
        every = {location for found in self._sets.values() for location in found}
        found = tuple(sorted(every, key=lambda one: (one.label, one.base_url)))[:MOST]
        if len(every) > MOST and not self._too_many:
            log_deduplicated("warning", "too many instances", "upstream", upstream=self._service, most=MOST)
        self._too_many = len(every) > MOST
        if found and found != self._found:
            self._found = found
            self._any.set()
            self._changed(found)
