"""Coalesces expensive public requests into one run, and limits the runs to a share of the processor's time.

A caller gets the result of a run that started after its call, so nothing is older than the question. A single caller
never waits.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextvars import Context
from typing import Final, Generic, TypeVar

from shared.deadline import Clock
from shared.errors import Shed
from shared.http.load_shedder import RETRY_AFTER_SECONDS
from shared.observing import metrics

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

TOO_MANY: Final = Shed("Too many ask for this at the moment.", RETRY_AFTER_SECONDS)
"""What those are told who find too many waiting already."""
SHARE: Final = 0.05
"""Of one worker's time, at most."""
_MAX_WAITING: Final = 500
_AT_ONCE: Final = 16

Make = Callable[[frozenset[K]], Awaitable[tuple[Mapping[K, T], float]]]
"""Makes every wanted variant, and returns how many seconds of processor time that took.

Wall-clock seconds would include other work: on a busy machine everybody would wait for long.
"""
Sleep = Callable[[float], Awaitable[None]]


class CostLimit:
    """When something may be started again so that it takes at most ``share`` of the time: a duty cycle. Pure."""

    def __init__(self, share: float = SHARE, clock: Clock = time.monotonic) -> None:
        self._share = share
        self._clock = clock
        self._begun = self._due = float("-inf")

    def left(self) -> float:
        """Seconds until it may be begun; not positive when it may."""
        return self._due - self._clock()

    def begin(self) -> None:
        """It begins."""
        self._begun = self._clock()

    def end(self, cost: float) -> None:
        """What has begun has cost so many seconds."""
        self._due = self._begun + cost / self._share


class _Run(Generic[K, T]):
    """One that has not begun yet, and who waits for it."""

    def __init__(self) -> None:
        self.wanted: set[K] = set()
        self.joined = 0
        self.waiting = 0
        self.task: asyncio.Task[Mapping[K, T]]


class CostLimited(Generic[K, T]):
    """Makes something in the variants that are wanted, one run for all who wait."""

    def __init__(
        self,
        make: Make[K, T],
        *,
        limit: CostLimit | None = None,
        sleep: Sleep = asyncio.sleep,
        max_waiting: int = _MAX_WAITING,
    ) -> None:
        """At most ``max_waiting`` wait at a time."""
        self._make = make
        self._limit = limit or CostLimit()
        self._sleep = sleep
        self._max_waiting = max_waiting
        self._waiting = 0
        self._next: _Run[K, T] | None = None
        self._turn = asyncio.Lock()

    async def __call__(self, wanted: K) -> T:
        """The variant ``wanted`` of the next run.

        Raises:
            Shed: too many wait already.
        """
        if self._waiting >= self._max_waiting:
            metrics.requests_shed.inc()
            raise Shed(TOO_MANY.detail, TOO_MANY.retry_after)
        run = self._next or self._plan()
        run.wanted.add(wanted)
        turns, run.joined = run.joined // _AT_ONCE, run.joined + 1
        run.waiting += 1
        self._waiting += 1
        try:
            made = (await asyncio.shield(run.task))[wanted]
            for _ in range(turns):  # to send it to all in one go would hold the loop
                await asyncio.sleep(0)
        finally:
            self._waiting -= 1
            run.waiting -= 1
            if run is self._next and not run.waiting:
                self._next = None
                run.task.cancel()
        return made

    def _plan(self) -> _Run[K, T]:
        run = self._next = _Run[K, T]()
        run.task = asyncio.get_running_loop().create_task(self._run_in_turn(run), context=Context())
        run.task.add_done_callback(_retrieve_error)
        return run

    async def _run_in_turn(self, run: _Run[K, T]) -> Mapping[K, T]:
        async with self._turn:
            while (left := self._limit.left()) > 0:
                await self._sleep(left)
            self._next = None  # whoever asks from now on asks for the one after this
            self._limit.begin()
            started, cost = time.thread_time(), None
            try:
                made, cost = await self._make(frozenset(run.wanted))
            finally:
                self._limit.end(time.thread_time() - started if cost is None else cost)
        return made


def _retrieve_error(task: "asyncio.Task[Mapping[K, T]]") -> None:
    if not task.cancelled():
        task.exception()  # raised in the waiters; without any, asyncio is not to complain
