"""Work that is seen through, whoever leaves: what changes something must not be given up half way."""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

T = TypeVar("T")


class SeenThrough(AbstractAsyncContextManager["SeenThrough"]):
    """Runs such work; a resource of the app, which ends when all of it has. The work bounds its own time."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aexit__(self, *_: object) -> None:
        """Wait for what is under way."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` gives; it goes on when whoever waits for it here is cancelled."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)
