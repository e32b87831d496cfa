"""Work that is seen through, whoever waits for it."""

import asyncio

import pytest

from shared.seen_through import SeenThrough


async def _work(gate: asyncio.Event, done: list[str], failure: Exception | None) -> str:
    await gate.wait()
    done.append("done")
    if failure is not None:
        raise failure
    return "given"


@pytest.mark.parametrize("failure", [None, LookupError("it")])
async def test_who_waits_gets_what_comes_of_it(loop: object, failure: Exception | None) -> None:
    """A value or an error."""
    gate, done = asyncio.Event(), list[str]()
    gate.set()
    async with SeenThrough() as see_through:
        if failure is None:
            assert await see_through(_work(gate, done, None)) == "given"
        else:
            with pytest.raises(LookupError):
                await see_through(_work(gate, done, failure))
    assert done == ["done"]


@pytest.mark.parametrize("failure", [None, LookupError("it")])
async def test_who_leaves_does_not_end_it(loop: object, failure: Exception | None) -> None:
    """It goes on, however it ends, and whoever closes waits for that."""
    gate, done = asyncio.Event(), list[str]()
    async with SeenThrough() as see_through:
        waiting = [asyncio.create_task(see_through(_work(gate, done, failure))) for _ in range(3)]
        await asyncio.sleep(0)
        for one in waiting:
            one.cancel()
        assert await asyncio.gather(*waiting, return_exceptions=True) != []
        assert done == []
        asyncio.get_running_loop().call_soon(gate.set)
    assert done == ["done"] * 3
