"""Ends work that may lose a cancellation.

Up to Python 3.11 ``asyncio.wait_for`` loses one that comes in the moment in which what it waits for is done
(python/cpython#86296), and redis-py sends every command by way of it; aiohappyeyeballs loses one that comes while it
ends an attempt at another address. Such work goes on, and whoever waits for its end, or relies on ``asyncio.timeout``,
which cancels once, waits for ever.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

_END_SECONDS: Final = 0.2
"""So long a task may take to end before it is cancelled again."""
_TURNS: Final = 16
"""So often, in turns of the loop that follow each other: more than there are steps in a command of redis-py."""


async def cancel_and_wait(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel ``tasks`` until every one of them has ended, however it ends.

    Who has not ended in time is cancelled in several turns of the loop that follow each other: timers alone may come in
    the moment in which a cancellation is lost every time. Whoever is cancelled while waiting here sees it through.
    """
    cancelled: asyncio.CancelledError | None = None
    turn = 0
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=0 if turn % _TURNS else _END_SECONDS)
        except asyncio.CancelledError as error:
            cancelled = error
        turn += 1
    for task in tasks:
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not complain of it
    if cancelled is not None:
        raise cancelled


async def cancellable(work: Coroutine[Any, Any, T], *, unwanted: Callable[[T], object] | None = None) -> T:
    """What ``work`` gives, done in a task of its own, so that no cancellation of whoever waits here is lost.

    ``unwanted`` is given what comes of it all the same after that.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        await cancel_and_wait(task)
        if unwanted is not None and not task.cancelled() and task.exception() is None:
            unwanted(task.result())
        raise
    return task.result()
