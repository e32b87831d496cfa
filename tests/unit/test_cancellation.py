"""The end of tasks that lose a cancellation or two."""

import asyncio

import pytest

from shared.cancellation import cancel_and_wait


async def _lose(cancellations: int, started: asyncio.Event) -> None:
    """Go on after so many of them."""
    started.set()
    while True:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            if not cancellations:
                raise
            cancellations -= 1


@pytest.mark.parametrize("lost", range(3))
async def test_a_lost_cancellation_is_repeated(loop: object, lost: int) -> None:
    """As often as it needs; the others do not wait for it to be cancelled."""
    started = asyncio.Event()
    tasks = [asyncio.create_task(_lose(count, started)) for count in (0, lost)]
    await started.wait()
    await cancel_and_wait(*tasks)
    assert all(task.cancelled() for task in tasks)


async def test_each_kind_of_end_is_one(loop: object) -> None:
    """One that has ended already, one that ends by an error when it is cancelled, and one that had not begun."""

    async def fail() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            raise ConnectionError from None

    async def nothing() -> None:
        pass

    over, failing = asyncio.create_task(nothing()), asyncio.create_task(fail())
    await over
    unbegun = asyncio.create_task(fail())
    await cancel_and_wait(over, failing, unbegun)
    assert [task.cancelled() for task in (over, failing, unbegun)] == [False, False, True]
    assert isinstance(failing.exception(), ConnectionError)


async def test_none_is_nothing_to_wait_for(loop: object) -> None:
    """Where there are no tasks it returns at once."""
    done = asyncio.create_task(cancel_and_wait())
    await asyncio.sleep(0)
    assert done.done()
