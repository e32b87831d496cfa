"""Background tasks that run as long as the app serves, restarted after any failure.

Nobody notices a task that ends by an unexpected exception: its work would never be done again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from shared.observing.logs import log_error

PAUSE_SECONDS: Final = 1.0


async def keep_running(work: Callable[[], Awaitable[None]], name: str, pause: float = PAUSE_SECONDS) -> None:
    """Run ``work``, and restart it ``pause`` seconds after each end; returns only by being cancelled.

    Each end is logged. A cancellation that is not ours (of something that was awaited) is an end like others.
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
