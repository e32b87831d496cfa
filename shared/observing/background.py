"""Background tasks that run as long as the app serves, restarted after any failure.

A task that ends by an exception that nobody expected is heard of by nobody: what it looked after would never be looked
after again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from shared.observing.logs import log_error

PAUSE_SECONDS: Final = 1.0


async def keep_running(work: Callable[[], Awaitable[None]], name: str, pause: float = PAUSE_SECONDS) -> None:
    """Do ``work``, and begin again ``pause`` seconds after each end; returns only by being cancelled.

    What it ends by is logged. A cancellation that is not ours (of something that was waited for) is an end like others.
    """
    task = asyncio.current_task()
    while True:
        try:
            await work()
        except (Exception, asyncio.CancelledError) as error:
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from error
            log_error("background task restarted", name, error)
        await asyncio.sleep(pause)
