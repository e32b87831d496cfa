"""Calls for several ids at once, and who leaves while they are being begun."""

import asyncio
import gc
from collections.abc import Sequence

from bff.parts.batches import Batches
from shared.deadline import Deadline


async def test_leaving_at_once_leaves_nothing_behind(loop: object) -> None:
    """Who is cancelled before a call had a turn is no trouble: warnings are errors, and the next one asks anew."""
    asked: list[Sequence[str]] = []

    async def call(ids: Sequence[str], _deadline: Deadline) -> int:
        asked.append(ids)
        return len(asked)

    batches: Batches[int] = Batches(call, most=1, patience=1.0)
    asking = asyncio.ensure_future(batches.get([], ["a", "b"], Deadline.after(10)))
    await asyncio.sleep(0)  # it has taken its seats, and no call has had a turn
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await asyncio.sleep(0)
    gc.collect()
    assert asking.cancelled()
    assert await batches.get([], ["a"], Deadline.after(10)) == [len(asked)]
