"""Loads of several processes, each with a cache of its own, that end when a test says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from shared.cache.cache import Cache, Value
from shared.cache.keys import Keys
from shared.cache.loader import Loading, LoadResult, Outcome
from shared.cache.read_through import ReadThrough
from shared.deadline import Deadline
from tests.kit.caches import KINDS, OpenCache

KEYS = Keys("bff", KINDS)
KEY, PART = KEYS.entry("profile", "user1"), KEYS.entry("user", "user1")
BUDGET = 20.0


class Loads:
    """Loads of one process, each under way until a test lets it end."""

    def __init__(self, cache: Cache, through: ReadThrough[str]) -> None:
        self.cache = cache
        self.through = through
        self.number = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, loading: Loading) -> LoadResult[str]:
        """A profile, and a part that it is made of."""
        self.number += 1
        name, now = f"load {self.number}", self.cache.clock()
        loading.extend_to(PART)
        await self.gate.wait()
        return LoadResult(name, [Value(key, name.encode(), now, 30.0) for key in (PART, KEY)])

    def ask(self) -> "asyncio.Future[Outcome[str]]":
        """Ask for the profile."""
        return asyncio.ensure_future(self.through.get(KEY, Deadline.after(BUDGET), self.load))

    async def under_way(self, number: int = 1) -> None:
        """Return when so many loads have begun."""
        while self.number < number:
            await asyncio.sleep(0.001)


StartLoads = Callable[[str], Awaitable[Loads]]


@pytest.fixture
async def start_loads(open_cache: OpenCache) -> AsyncIterator[StartLoads]:
    """A function that opens another process on an address of Redis."""
    async with AsyncExitStack() as stack:

        async def start(url: str) -> Loads:
            cache = await open_cache(url)
            return Loads(cache, await stack.enter_async_context(ReadThrough[str](cache, BUDGET)))

        yield start
