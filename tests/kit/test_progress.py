"""What becomes known of a load before its end: told to all who listen, whoever has begun it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.cache.cache import Cache, Value
from shared.cache.keys import Keys
from shared.cache.loader import Loading, LoadResult, Outcome
from shared.cache.progress import Progress
from shared.cache.read_through import ReadThrough
from shared.deadline import Deadline
from tests.kit.caches import KINDS, OpenCache

KEY = Keys("bff", KINDS).entry("profile", "user1")
Heard = list[tuple[str, object]]


class Pieces:
    """A load in pieces, each of which is known when a test says so."""

    def __init__(self, cache: Cache, through: ReadThrough[str]) -> None:
        self.cache = cache
        self.through = through
        self.known: asyncio.Queue[str | None] = asyncio.Queue()
        self.begun = 0

    async def load(self, loading: Loading) -> LoadResult[str]:
        """Until there is nothing more to be known."""
        self.begun += 1
        while (piece := await self.known.get()) is not None:
            loading.progress.told(piece, f"{piece} of {self.begun}")
        return LoadResult("all", [Value(KEY, b"all", self.cache.clock(), 30.0)])

    def listen(self, heard: Heard) -> "asyncio.Future[Outcome[str]]":
        """Ask, and listen meanwhile."""
        listen = self.through.get(KEY, Deadline.after(20.0), self.load, lambda name, piece: heard.append((name, piece)))
        return asyncio.ensure_future(listen)

    async def tell(self, *pieces: str | None) -> None:
        """Let these be known, and be told."""
        for piece in pieces:
            self.known.put_nowait(piece)
        while not self.known.empty():
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def pieces(open_cache: OpenCache) -> AsyncIterator[Pieces]:
    """One load over a cache in memory."""
    cache = await open_cache("")
    async with ReadThrough[str](cache, 20.0) as through:
        yield Pieces(cache, through)


async def test_whoever_joins_is_told_what_is_known_and_what_becomes_known(pieces: Pieces) -> None:
    """The one who begins and the one who comes in the middle hear the same."""
    first, second = Heard(), Heard()
    begun = pieces.listen(first)
    await pieces.tell("a")
    joined = pieces.listen(second)
    await pieces.tell("b")
    assert first == second == [("a", "a of 1"), ("b", "b of 1")]
    await pieces.tell(None)
    assert ((await begun).joined, (await joined).joined, pieces.begun) == (False, True, 1)


async def test_whoever_leaves_hears_no_more_and_the_others_do(pieces: Pieces) -> None:
    """Of a load that goes on for somebody else."""
    first, second = Heard(), Heard()
    leaving, staying = pieces.listen(first), pieces.listen(second)
    await pieces.tell("a")
    leaving.cancel()
    await pieces.tell("b", None)
    assert [name for name, _ in first] == ["a"]
    assert [name for name, _ in second] == ["a", "b"]
    assert (await staying).loaded == "all"


async def test_nobody_hears_of_a_load_that_was_outdated_before_he_came(pieces: Pieces) -> None:
    """After a purge another load begins, and tells its own pieces alone."""
    before, after = Heard(), Heard()
    old = pieces.listen(before)
    await pieces.tell("a")
    await pieces.cache.purge_all()
    new = pieces.listen(after)
    await pieces.tell("b", None)
    await pieces.tell("b", None)
    assert before[0] == ("a", "a of 1")
    assert {piece for _, piece in after} == {"b of 2"}
    assert (await old, await new)[1].loaded == "all"


def test_a_piece_that_becomes_another_is_told_again() -> None:
    """In order, and the newest alone to whoever comes later."""
    progress, heard, later = Progress(), Heard(), Heard()
    progress.add(lambda *piece: heard.append(piece))
    for piece in (1, 2):
        progress.told("a", piece)
    progress.add(lambda *piece: later.append(piece))
    assert (heard, later) == ([("a", 1), ("a", 2)], [("a", 2)])
