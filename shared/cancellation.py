"""The end of tasks, and bounds of time, also for work that does not take a cancellation at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

_END_SECONDS: Final = 0.2
"""So long a task may take to end before it is cancelled again."""
_TURNS: Final = 16
"""So often, in turns of the loop that follow each other: more than there are steps in a command of redis-py."""


async def cancel_and_wait(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel ``tasks`` until every one of them has ended, however it ends.

    Once is not always enough: up to Python 3.11 ``asyncio.wait_for`` loses a cancellation that comes in the moment in
    which what it waits for is done (python/cpython#86296), and redis-py sends every command by way of it. Such a
    task goes on, and whoever waits for its end waits for ever. So who has not ended in time is cancelled in several
    turns of the loop that follow each other: timers alone may come in that very moment every time.
    """
    turn = 0
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0 if turn % _TURNS else _END_SECONDS)
        turn += 1
    for task in tasks:
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not complain of it


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` gives, for which it has so many ``seconds``.

    ``asyncio.timeout`` is no bound for work that may lose a cancellation: it cancels once.

    Raises:
        TimeoutError: it takes longer.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise TimeoutError
    finally:
        await cancel_and_wait(task)
    return task.result()
