"""How long something took, without the time in which the loop stood still."""

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.upstream.attended_time import AttendedTime
from tests.fixtures.jumping_loop import JumpingLoop, now, run

SLACK = 0.0071
"""Seconds of each time that the loop stood still that may be counted all the same."""


def hold_up(seconds: float) -> None:
    """The loop stands still for so long."""
    cast("JumpingLoop", asyncio.get_running_loop()).hold_up(seconds)


@pytest.mark.parametrize("waits", [0.0, 0.001, 0.0049, 0.0051, 0.3])
@pytest.mark.parametrize("stands", [0.0, 0.01, 0.05, 1.1])
def test_what_the_loop_missed_is_not_counted(waits: float, stands: float) -> None:
    """Wherever in it the loop stood still, whoever looks at the clock first."""

    async def go() -> float:
        attended = AttendedTime(now)
        began = attended.begin()
        await asyncio.sleep(waits)
        hold_up(stands)
        return attended.end(began)

    taken = run(go())
    assert waits - 1e-9 <= taken + (stands > 0) * SLACK
    assert taken <= waits + min(stands, SLACK) + 1e-9


@given(
    steps=st.lists(st.tuples(st.sampled_from(["begin", "end", "wait", "stand"]), st.floats(0.0001, 0.5)), max_size=30)
)
def test_whatever_overlaps_is_measured_for_itself(steps: list[tuple[str, float]]) -> None:
    """Of each what has passed while it went on, less what the loop missed meanwhile, and never less than nothing."""

    async def go() -> None:
        attended = AttendedTime(now)
        running: list[tuple[float, float, int]] = []
        turned, stood = 0.0, 0
        for what, seconds in steps:
            if what == "begin":
                running.append((attended.begin(), turned, stood))
            elif what == "end" and running:
                began, before, stood_before = running.pop(0)
                slack = SLACK * (1 + stood - stood_before)
                taken = attended.end(began)
                assert taken >= 0
                assert abs(taken - (turned - before)) <= slack
            elif what == "wait":
                await asyncio.sleep(seconds)
                turned += seconds
            else:
                hold_up(seconds)
                stood += 1
        for began, _, _ in running:
            attended.end(began)

    run(go(), debug=False)


def test_nobody_looks_at_the_clock_while_nothing_is_measured() -> None:
    """An idle gateway is not woken for it."""

    async def go() -> None:
        attended = AttendedTime(now)
        for _ in range(3):
            attended.end(attended.begin())
            await asyncio.sleep(1)
        await asyncio.Event().wait()

    with pytest.raises(AssertionError, match="everybody waits"):
        run(go())
