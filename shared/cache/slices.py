"""Works off what is much in slices, one in each turn of the event loop, so that nobody else is kept waiting."""

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from typing import Final

SLICE: Final = 250


class Slices:
    """What has begun to be worked off, one after another; without a loop all is done at once.

    Attributes:
        works: what is left to do.
    """

    def __init__(self) -> None:
        self.works: deque[tuple[set[str], Callable[[str], None]]] = deque()
        self._left = SLICE  # in this turn
        self._has_turn = False
        self._done: asyncio.Event | None = None

    def work(self, items: set[str], do: Callable[[str], None]) -> None:
        """Call ``do`` with each of ``items``, which is used up; now, as far as nothing is left of a slice by others."""
        if not items:
            return
        self.works.append((items, do))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._left = sys.maxsize
            self._go_on()
            return
        if not self._has_turn:
            self._has_turn = True
            self._left = SLICE
            loop.call_soon(self._next_turn, loop)
        self._go_on()

    async def done(self) -> None:
        """Return when nothing is left to do."""
        while self.works:
            self._done = self._done or asyncio.Event()
            await self._done.wait()

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._has_turn = bool(self.works)
        if self._has_turn:
            self._left = SLICE
            loop.call_soon(self._next_turn, loop)
            self._go_on()

    def _go_on(self) -> None:
        while self.works and self._left:
            items, do = self.works[0]
            for _ in range(min(self._left, len(items))):
                self._left -= 1
                do(items.pop())
            if not items:
                self.works.popleft()
        if not self.works and self._done is not None:
            self._done.set()
            self._done = None
