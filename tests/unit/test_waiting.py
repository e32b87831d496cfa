"""Whoever finds that another process is loading waits for it: for a share of the time, woken by whatever happens."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from shared.cache.cache import Cache, Value
from shared.cache.entry import Entry
from shared.cache.keys import Keys
from shared.cache.loader import Loading, LoadResult, Outcome
from shared.cache.lookup import LeaseState, Lookup
from shared.cache.memory import MemoryStore
from shared.cache.near import NearTier
from shared.cache.read_through import ReadThrough
from shared.cache.replies import Command
from shared.cache.token import Token
from shared.deadline import Deadline
from tests.fixtures.jumping_loop import now, run
from tests.kit.caches import KINDS

KEYS = Keys("test", KINDS)
KEY = KEYS.entry("profile", "u1")
BUDGET = 8.0
SHARE = 2.0
"""A quarter of it."""


class _Scene:
    """A process whose Redis says that another one has the lease, on the loop that never waits; it is its own Redis."""

    def __init__(self) -> None:
        self.up = True
        self.there: Entry | None = None
        self.lease = LeaseState.TAKEN
        self.loaded_at: list[float] = []
        self.near = NearTier(MemoryStore(10), KEYS, now)
        redis: Any = self
        self.through = ReadThrough[str](Cache(self.near, redis, KEYS, longest_life=600, clock=now), BUDGET)

    async def lookup(self, _key: str, _token: Token, _lease_command: Command | None = None) -> Lookup:
        """As of a Redis tier."""
        return Lookup(self.there, lease=self.lease)

    async def execute(self, _key: str, *_commands: Command) -> list[int]:
        """How long the lease lasts."""
        return [300 if self.lease is LeaseState.TAKEN else -2]

    def post(self, *_commands: object) -> None:
        """A lease that is given back."""

    def write(self, *_entries: object) -> None:
        """What has been loaded is stored."""

    async def load(self, _loading: Loading) -> LoadResult[str]:
        """Load for itself."""
        self.loaded_at.append(now())
        return LoadResult("own", [Value(KEY, b"own", now(), 30.0)])

    def get(self) -> "asyncio.Future[Outcome[str]]":
        """Ask for the value."""
        return asyncio.ensure_future(self.through.get(KEY, Deadline.after(BUDGET, now), self.load))


def _run(main: Callable[[_Scene], Coroutine[Any, Any, None]]) -> None:
    async def within() -> None:
        scene = _Scene()
        async with scene.through:
            await main(scene)

    run(within())


@pytest.mark.parametrize("news", [0, 1, 10])
def test_a_quarter_of_the_time_is_waited(news: int) -> None:
    """Then it loads for itself; not sooner because the key has changed while the other one goes on loading."""

    async def main(scene: _Scene) -> None:
        asked = scene.get()
        for _ in range(news):
            await asyncio.sleep(SHARE / 20)
            scene.near.invalidate([KEY])
        outcome = await asked
        assert (outcome.loaded, outcome.stored) == ("own", True)
        assert scene.loaded_at == [pytest.approx(SHARE)]

    _run(main)


def test_what_the_other_process_has_stored_is_taken() -> None:
    """As soon as there is news of it."""

    async def main(scene: _Scene) -> None:
        asked = scene.get()
        await asyncio.sleep(0.33)
        scene.there = Entry.made(b"theirs", now(), 30.0)
        scene.near.invalidate([KEY])
        outcome = await asked
        assert (outcome.entry, outcome.joined, scene.loaded_at) == (scene.there, True, [])
        assert now() == pytest.approx(0.33)

    _run(main)


def test_a_lease_that_is_free_again_is_taken_over() -> None:
    """Long before the time for waiting is over: the other one has failed, or died."""

    async def main(scene: _Scene) -> None:
        asked = scene.get()
        await asyncio.sleep(0.33)
        scene.lease = LeaseState.HELD
        assert (await asked).loaded == "own"
        assert scene.loaded_at[0] < SHARE / 4

    _run(main)
