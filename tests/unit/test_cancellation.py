"""The end of work that loses a cancellation or two, and the time that it has."""

import asyncio

import pytest

from shared.cancellation import cancel_and_wait, cancellable
from tests.fixtures.jumping_loop import now, run


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


@pytest.mark.parametrize("lost", range(3))
def test_a_bound_is_one_for_work_that_loses_cancellations(lost: int) -> None:
    """It is over when its time is, and has ended by then."""

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5.0):
                await cancellable(_lose(lost, asyncio.Event()))
        assert 5.0 <= now() < 6.0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_what_is_done_is_given() -> None:
    """Its result or its error, when it comes."""

    async def give(error: Exception | None) -> str:
        await asyncio.sleep(2.0)
        if error is not None:
            raise error
        return "result"

    async def main() -> None:
        given: list[str] = []
        assert await cancellable(give(None), unwanted=given.append) == "result"
        with pytest.raises(LookupError):
            await cancellable(give(LookupError()), unwanted=given.append)
        assert now() == pytest.approx(4.0)
        assert given == []

    run(main())


@pytest.mark.parametrize("end", ["result", LookupError()], ids=repr)
def test_what_comes_when_nobody_waits_is_not_left_lying(end: str | Exception) -> None:
    """A connection that is made all the same has to be closed; an error is nobody's."""

    async def stubborn() -> str:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            if isinstance(end, Exception):
                raise end from None
        return str(end)

    async def main() -> None:
        given: list[str] = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await cancellable(stubborn(), unwanted=given.append)
        assert given == ([] if isinstance(end, Exception) else [end])

    run(main())


@pytest.mark.parametrize("outer", [cancel_and_wait, None])
def test_who_is_cancelled_while_ending_something_sees_it_through(outer: object) -> None:
    """However often; nothing goes on that nobody looks after."""

    async def main() -> None:
        started = asyncio.Event()
        inner = asyncio.create_task(_lose(20, started))
        await started.wait()
        ending = asyncio.create_task(cancel_and_wait(inner))
        await asyncio.sleep(0)
        if outer is None:
            ending.cancel()
            await asyncio.wait({ending})
        else:
            await cancel_and_wait(ending)
        assert ending.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())
