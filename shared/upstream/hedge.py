"""Hedging: a read that is late is sent to a second instance as well; the first answer is taken.

The first attempt stays in its caller's task, so that a call which is in time costs no task of its own.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from shared.errors import Refused, UpstreamError
from shared.upstream.breaker import outcome_of
from shared.upstream.call import Race
from shared.upstream.endpoint import Endpoint
from shared.upstream.hedge_pace import HedgePace
from shared.upstream.instance_figures import InstanceFigures

Attempt = Callable[[Endpoint], Coroutine[Any, Any, Any]]


class Hedging:
    """The hedges of one service."""

    def __init__(self, figures: InstanceFigures, pace: HedgePace, is_crowded: Callable[[], bool]) -> None:
        """``is_crowded`` tells whether the service has too much to do to be asked twice."""
        self.pace = pace
        self._is_crowded = is_crowded
        self._hedges = figures.hedges

    def allows(self) -> bool:
        """Whether one may be sent now; it is counted either way."""
        allowed = not self._is_crowded() and self.pace.acquire()
        self._hedges["sent" if allowed else "denied"].inc()
        return allowed

    async def carry_out(
        self, attempt: Attempt, first: Endpoint, other: Callable[[], Endpoint | None], race: Race, delay: float
    ) -> Any:
        """What ``attempt`` gives at ``first`` or, where that takes longer than ``delay`` seconds, at the ``other`` one.

        Raises:
            UpstreamError: the answer is one, or neither gave any; then that of the first.
        """
        loop = asyncio.get_running_loop()
        second: asyncio.Task[Any] | None = None
        scope = asyncio.timeout(None)
        is_first_running = True

        def begin() -> None:
            nonlocal second
            endpoint = other()
            if endpoint is not None and self.allows():
                second = loop.create_task(attempt(endpoint))
                second.add_done_callback(ended)

        def ended(task: "asyncio.Task[Any]") -> None:
            if _has_answered(task) and is_first_running:
                race.over = True
                scope.reschedule(loop.time())

        timer = loop.call_later(delay, begin)
        try:
            async with scope:
                try:
                    value = await attempt(first)
                    race.over = True
                    return value
                finally:
                    is_first_running = False
        except TimeoutError:
            if second is None or not scope.expired():
                raise
        except UpstreamError as error:
            timer.cancel()
            race.over = _is_answer(error)
            if second is None or race.over or not await _answers(second):
                raise
            race.over = True
        finally:
            timer.cancel()
            if second is not None and not second.done():
                second.cancel()
        self._hedges["won"].inc()
        return second.result()


async def _answers(task: "asyncio.Task[Any]") -> bool:
    await asyncio.wait({task})
    return _has_answered(task)


def _has_answered(task: "asyncio.Task[Any]") -> bool:
    return not task.cancelled() and ((error := task.exception()) is None or _is_answer(error))


def _is_answer(error: BaseException) -> bool:
    """Whether another instance would hardly say anything else: it refuses, or has what is usable of a batch."""
    return isinstance(error, Refused) or outcome_of(error) == "success"
