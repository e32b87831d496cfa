"""What is costly to make and open to anybody: made once for all who ask, and never more often than its cost allows.

Whoever asks gets what was begun after asking, so nobody is told of a time before. One who asks alone waits for nothing.
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

SHARE: Final = 0.05
"""Of one worker's time, at most."""
_WAITING_MOST: Final = 500
_AT_ONCE: Final = 16

Make = Callable[[frozenset[K]], Awaitable[tuple[Mapping[K, T], float]]]
"""Makes every form that is wanted, and tells how many seconds of the processor's time that took.

Those of the clock would tell of others as well: on a busy machine everybody would wait for long.
"""
Sleep = Callable[[float], Awaitable[None]]


class Pace:
    """When something may be begun again so that it takes no more than a ``share`` of all time. Pure."""

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


class _Making(Generic[K, T]):
    """One that has not begun yet, and who waits for it."""

    def __init__(self) -> None:
        self.wanted: set[K] = set()
        self.joined = 0
        self.waiting = 0
        self.task: asyncio.Task[Mapping[K, T]]


class Paced(Generic[K, T]):
    """Makes something in the forms that are wanted of it."""

    def __init__(
        self, make: Make[K, T], *, pace: Pace | None = None, sleep: Sleep = asyncio.sleep, most: int = _WAITING_MOST
    ) -> None:
        """At most ``most`` wait at a time."""
        self._make = make
        self._pace = pace or Pace()
        self._sleep = sleep
        self._most = most
        self._waiting = 0
        self._next: _Making[K, T] | None = None
        self._turn = asyncio.Lock()

    async def __call__(self, wanted: K) -> T:
        """The form ``wanted`` of what is made next.

        Raises:
            Shed: too many wait already.
        """
        if self._waiting >= self._most:
            metrics.requests_shed.inc()
            raise Shed("Too many ask for this at the moment.", RETRY_AFTER_SECONDS)
        making = self._next or self._plan()
        making.wanted.add(wanted)
        turns, making.joined = making.joined // _AT_ONCE, making.joined + 1
        making.waiting += 1
        self._waiting += 1
        try:
            made = (await asyncio.shield(making.task))[wanted]
            for _ in range(turns):  # to send it to all in one go would hold the loop
                await asyncio.sleep(0)
        finally:
            self._waiting -= 1
            making.waiting -= 1
            if making is self._next and not making.waiting:
                self._next = None
                making.task.cancel()
        return made

    def _plan(self) -> _Making[K, T]:
        making = self._next = _Making[K, T]()
        making.task = asyncio.get_running_loop().create_task(self._make_in_turn(making), context=Context())
        making.task.add_done_callback(_look_at)
        return making

    async def _make_in_turn(self, making: _Making[K, T]) -> Mapping[K, T]:
        async with self._turn:
            while (left := self._pace.left()) > 0:
                await self._sleep(left)
            self._next = None  # whoever asks from now on asks for the one after this
            self._pace.begin()
            started, cost = time.thread_time(), None
            try:
                made, cost = await self._make(frozenset(making.wanted))
            finally:
                self._pace.end(time.thread_time() - started if cost is None else cost)
        return made


def _look_at(task: "asyncio.Task[Mapping[K, T]]") -> None:
    if not task.cancelled():
        task.exception()  # told to those who wait; where nobody does, nobody is to complain of it
