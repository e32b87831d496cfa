"""Work that begins again whatever it ends by."""

import asyncio
from collections.abc import Iterator

import orjson
import pytest

from shared.observing.background import keep_running
from tests.fixtures.log_lines import heard


class Work:
    """Ends in all ways there are, one after the other, and waits in the end."""

    def __init__(self) -> None:
        self.ends: list[BaseException | None] = [
            TypeError("unexpected"), None, OSError(), ExceptionGroup("two", [ValueError()]), RecursionError(),
            MemoryError(), TimeoutError(), asyncio.CancelledError(),
        ]  # fmt: skip
        self.waiting = asyncio.Event()

    async def __call__(self) -> None:
        """One of the ends."""
        if not self.ends:
            self.waiting.set()
            await asyncio.get_running_loop().create_future()
        end = self.ends.pop()
        if end is not None:
            raise end


@pytest.fixture
def errors() -> Iterator[list[str]]:
    """What is told."""
    told: list[str] = []

    def take(line: bytes) -> None:
        document = orjson.loads(line)
        assert (document["event"], document["logger"]) == ("background task restarted", "work")
        told.append(document["error"])

    with heard(take):
        yield told


async def test_no_end_is_the_end(loop: object, errors: list[str]) -> None:
    """Each error is told; a cancellation that was not meant for it is one; the one that is ends it."""
    work = Work()
    kinds = [type(end).__name__ for end in work.ends if end is not None]
    task = asyncio.create_task(keep_running(work, "work", pause=0))
    await work.waiting.wait()
    assert errors == kinds[::-1]
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def test_a_library_cannot_swallow_the_end(loop: object, errors: list[str]) -> None:
    """What is cancelled and ends by another error is over, too."""
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            raise ConnectionError from None

    task = asyncio.create_task(keep_running(work, "work", pause=0))
    await begun.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert errors == []
