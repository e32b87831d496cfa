"""Several things that a load does side by side."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bff.parts.sources import PartSources, Sources

SOURCES: Sources = Sources(PartSources({}, {}), None)  # type: ignore[arg-type]


class _Works:
    """Coroutines that wait until they are let, and what has become of them."""

    def __init__(self) -> None:
        self.ends: dict[str, str] = {}
        self.gates: dict[str, asyncio.Future[None]] = {}

    async def one(self, name: str) -> str:
        """Wait for an end."""
        gate = self.gates[name] = asyncio.get_running_loop().create_future()
        try:
            await gate
        except BaseException as error:
            self.ends[name] = type(error).__name__
            raise
        self.ends[name] = "done"
        return name.upper()


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_results_come_in_order(loop: object) -> None:
    """Whichever is ready first."""
    works = _Works()
    task = asyncio.ensure_future(SOURCES.together(works.one("a"), works.one("b"), works.one("c")))
    await _turns()
    for name in "cab":
        works.gates[name].set_result(None)
        await _turns()
    assert await task == ("A", "B", "C")


@pytest.mark.parametrize("failing", ["a", "b", "c"])
async def test_the_first_error_ends_the_others(loop: object, failing: str) -> None:
    """And is what is raised; nothing goes on."""
    works = _Works()
    task = asyncio.ensure_future(SOURCES.together(works.one("a"), works.one("b"), works.one("c")))
    await _turns()
    works.gates[failing].set_exception(LookupError(failing))
    await asyncio.wait({task})
    await _turns()
    with pytest.raises(LookupError, match=failing):
        task.result()
    assert works.ends == {"a": "CancelledError", "b": "CancelledError", "c": "CancelledError"} | {
        failing: "LookupError"
    }


@pytest.mark.parametrize("done", ["", "a"])
async def test_who_is_cancelled_ends_all(loop: object, done: str) -> None:
    """As with any wait."""
    works = _Works()
    task = asyncio.ensure_future(SOURCES.together(works.one("a"), works.one("b")))
    await _turns()
    if done:
        works.gates[done].set_result(None)
        await _turns()
    task.cancel()
    await asyncio.wait({task})
    await _turns()
    assert task.cancelled()
    assert works.ends == {"a": "CancelledError", "b": "CancelledError"} | ({done: "done"} if done else {})


async def test_a_cancellation_that_comes_with_an_error_counts(loop: object) -> None:
    """Whoever waited has left: nobody is told of the error."""
    works = _Works()
    task = asyncio.ensure_future(SOURCES.together(works.one("a"), works.one("b")))
    await _turns()
    task.cancel()
    works.gates["b"].set_exception(LookupError("b"))
    await asyncio.wait({task})
    assert task.cancelled()


async def test_what_fails_at_once_is_told(loop: object) -> None:
    """Before anything else has begun to wait."""

    async def fail() -> None:
        raise LookupError

    async def work(call: Callable[[], Awaitable[None]]) -> None:
        await call()

    for pair in ((fail(), work(_turns)), (work(_turns), fail())):
        with pytest.raises(LookupError):
            await SOURCES.together(*pair)
