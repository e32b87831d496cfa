"""Works off what is much in slices, one in each turn of the event loop, so that nobody else is kept waiting."""

import asyncio
from collections.abc import Callable
from typing import Final

SLICE: Final = 500


class Slices:
    """What has begun to be worked off; without a loop all is done at once."""

    def __init__(self) -> None:
        self._under_way = 0
        self._done: asyncio.Event | None = None

    def work(self, items: list[str], do: Callable[[str], None]) -> None:
        """Call ``do`` with each of ``items``, which is used up; the first slice now."""
        for _ in range(min(SLICE, len(items))):
            do(items.pop())
        if not items:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            while items:
                do(items.pop())
            return
        self._under_way += 1
        loop.call_soon(self._go_on, items, do)

    async def done(self) -> None:
        """Return when nothing is left to do."""
        while self._under_way:
            self._done = self._done or asyncio.Event()
            await self._done.wait()

    def _go_on(self, items: list[str], do: Callable[[str], None]) -> None:
        self._under_way -= 1
        self.work(items, do)
        if not self._under_way and self._done is not None:
            self._done.set()
            self._done = None
