"""Forgets, now and then, the keys of orders that were placed long ago."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Final, Self

from shared.cancellation import cancel_and_wait
from shared.errors import ServiceUnavailable
from shared.observing.background import keep_running

_EVERY_SECONDS: Final = 600.0


class KeyExpiry:
    """Calls ``forget_old`` every ten minutes; a resource of the app, open while it serves."""

    def __init__(self, forget_old: Callable[[], Awaitable[None]]) -> None:
        self._forget_old = forget_old
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin with the first pause."""
        work = keep_running(self._work, "key expiry")
        self._task = asyncio.get_running_loop().create_task(work, name="key expiry", context=Context())
        return self

    async def __aexit__(self, *_error: object) -> None:
        """No more of it."""
        if self._task is not None:
            await cancel_and_wait(self._task)

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            try:
                await self._forget_old()
            except ServiceUnavailable:  # the database says why; next time
                continue
