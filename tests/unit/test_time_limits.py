"""Time limits: each piece of work is ended when its own time is over, by one timer for all."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.time_limits import TimeLimits
from tests.fixtures.jumping_loop import now, run


@dataclass
class Work:
    """Begins at an instant, would take so long, and has so long for it."""

    begins: int
    takes: int
    limit: int


@given(
    st.lists(
        st.builds(Work, st.integers(0, 20), st.integers(1, 20), st.integers(0, 20)).filter(
            lambda work: work.takes != work.limit
        ),
        max_size=12,
    )
)
def test_each_is_ended_when_its_own_time_is_over(works: list[Work]) -> None:
    """Whatever runs beside it, with a shorter or a longer time, begun before or after it."""

    async def carry_out(limits: TimeLimits, work: Work) -> float:
        await asyncio.sleep(work.begins)
        try:
            with limits.limit(work.limit):
                await asyncio.sleep(work.takes)
        except TimeoutError:
            assert work.limit < work.takes
        else:
            assert work.takes < work.limit
        return now()

    async def scenario() -> None:
        limits = TimeLimits()
        ends = await asyncio.gather(*(carry_out(limits, work) for work in works))
        assert ends == pytest.approx([work.begins + min(work.takes, work.limit) for work in works], abs=0.01)
        assert not limits.running

    run(scenario())


def test_one_that_is_cancelled_by_others_is_cancelled() -> None:
    """Even in the turn in which its time is over: whoever wants it to end is not to be told of a timeout."""

    async def scenario() -> None:
        limits = TimeLimits()

        async def work() -> None:
            with limits.limit(5):
                await asyncio.sleep(100)

        for at in (1, 5):
            task = asyncio.create_task(work())
            asyncio.get_running_loop().call_later(at, task.cancel)
            with pytest.raises(asyncio.CancelledError):
                await task
        assert not limits.running

    run(scenario())


def test_what_it_raises_itself_is_raised() -> None:
    """Also when its time was over meanwhile, and the next limit of the same task is not confused by that."""

    async def scenario() -> None:
        limits = TimeLimits()

        async def work() -> None:
            try:
                await asyncio.sleep(2)
            except asyncio.CancelledError:
                raise ZeroDivisionError from None

        with pytest.raises(ZeroDivisionError), limits.limit(1):
            await work()
        with pytest.raises(TimeoutError), limits.limit(1):
            await asyncio.sleep(2)
        assert now() == pytest.approx(2, abs=0.01)

    run(scenario())


def test_only_a_task_has_one() -> None:
    """There is nothing to be ended otherwise."""

    async def scenario() -> None:
        loop, refused = asyncio.get_running_loop(), asyncio.Event()

        def outside() -> None:
            with pytest.raises(RuntimeError, match="task"), TimeLimits().limit(1):
                pass
            refused.set()

        loop.call_soon(outside)
        await refused.wait()

    run(scenario())
