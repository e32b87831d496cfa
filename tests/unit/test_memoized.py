"""Checks whose result is remembered for a moment."""

import asyncio

import pytest

from shared.memoized import Memoized


class Check:
    """Counts its runs; waits at ``gate`` and raises what it is told to."""

    def __init__(self) -> None:
        self.runs = 0
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None

    async def __call__(self) -> int:
        """One run."""
        self.runs += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.runs


async def test_a_result_is_remembered_for_its_time() -> None:
    """However often it is asked, the check runs once in that time."""
    now, check = [100.0], Check()
    remembered = Memoized(check, 1.0, clock=lambda: now[0])
    assert [await remembered() for _ in range(3)] == [1, 1, 1]
    now[0] += 0.999
    assert await remembered() == 1
    now[0] += 0.001
    assert await remembered() == 2


async def test_those_who_ask_meanwhile_share_one_run(loop: object) -> None:
    """A run under way serves everybody, also when the first who asked leaves."""
    check = Check()
    check.gate = asyncio.Event()
    remembered = Memoized(check, 1.0)
    first, second = asyncio.ensure_future(remembered()), asyncio.ensure_future(remembered())
    await asyncio.sleep(0)
    first.cancel()
    check.gate.set()
    assert await second == 1
    assert check.runs == 1


async def test_a_failing_check_fails_and_is_not_remembered() -> None:
    """The next who asks gets a new run."""
    check = Check()
    check.error = OSError("gone")
    remembered = Memoized(check, 60.0)
    with pytest.raises(OSError, match="gone"):
        await remembered()
    check.error = None
    assert await remembered() == 2
