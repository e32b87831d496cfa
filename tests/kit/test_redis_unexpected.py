"""What looks after Redis goes on whatever goes wrong in it, errors that nobody thought of included."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from redis.asyncio.connection import AbstractConnection

from shared.cache.address import parse
from shared.cache.cache import Cache
from shared.cache.keys import Keys
from shared.cache.memory import MemoryStore
from shared.cache.near import NearTier, Trust
from shared.cache.redis import RedisTier
from shared.cache.topology import Topology, topology
from shared.deadline import since_boot
from shared.observing import metrics
from tests.fixtures.log_lines import heard
from tests.fixtures.redis_server import RedisServer
from tests.kit.caches import KINDS, found, put, until

UNEXPECTED = [TypeError, KeyError, AttributeError, RecursionError, MemoryError]


class Trouble:
    """Raises at each seam what a test has put there, once."""

    def __init__(self, behind: Topology) -> None:
        self._behind = behind
        self.reply_seconds = behind.reply_seconds
        self.at: dict[str, type[BaseException]] = {}

    def strike(self, seam: str) -> None:
        """Come by a seam."""
        error = self.at.pop(seam, None)
        if error is not None:
            raise error

    def clock(self) -> float:
        """A clock for the heartbeat."""
        self.strike("clock")
        return since_boot()

    async def connections(self) -> Sequence[AbstractConnection]:
        """As those behind it."""
        self.strike("connections")
        return await self._behind.connections()

    def node_of(self, key: str) -> int:
        """As those behind it."""
        return self._behind.node_of(key)

    async def moved(self) -> None:
        """As those behind it, a little later."""
        while "moved" not in self.at:
            await asyncio.sleep(0.001)
        self.strike("moved")

    async def close(self) -> None:
        """As those behind it."""
        await self._behind.close()


class Troubled(NearTier):
    """A memory tier in which trouble may be met when news come."""

    trouble: Trouble

    def invalidate(self, names: object) -> None:
        """As ever."""
        self.trouble.strike("news")
        super().invalidate(names)  # type: ignore[arg-type]


@pytest.fixture
async def troubled(loop: object, redis_server: RedisServer) -> AsyncIterator[tuple[Cache, Trouble]]:
    """An open cache, and the trouble that it may meet."""
    keys, trouble = Keys("bff", KINDS), Trouble(topology(parse(redis_server.url)))
    near = Troubled(MemoryStore(100), keys)
    near.trouble = trouble
    with heard(lambda _: None):
        async with Cache(near, RedisTier(trouble, near, keys, machine=trouble.clock), keys, longest_life=60.0) as cache:
            await until(cache, up=True)
            yield cache, trouble


@pytest.mark.parametrize(
    ("seam", "error"),
    [(seam, error) for seam in ("clock", "connections", "moved") for error in (*UNEXPECTED, asyncio.CancelledError)]
    + [("news", error) for error in UNEXPECTED],
)
async def test_it_goes_on(
    troubled: tuple[Cache, Trouble], redis_server: RedisServer, seam: str, error: type[BaseException]
) -> None:
    """Redis is used again afterwards, heard of, and its loss would be noticed."""
    cache, trouble = troubled
    key = cache.keys.entry("profile", "user1")
    trouble.at = {seam: error}
    with redis_server.client() as meddler:
        if seam == "connections":
            meddler.client_kill_filter(_type="normal", skipme=True)
        async with asyncio.timeout(20):
            while trouble.at:
                if seam == "news":
                    meddler.set(key, b"another's")
                await asyncio.sleep(0.01)
            await until(cache, up=True)
            while cache.trust is not Trust.COHERENT or await found(cache, key) != b"value":
                meddler.delete(key)
                put(cache, key, b"value")
                await asyncio.sleep(0.01)
            beat = metrics.cache_redis_lag
            beat.set(-1)
            while beat._value.get() == -1:
                await asyncio.sleep(0.01)
            meddler.delete(key)
            while await found(cache, key) is not None:
                await asyncio.sleep(0.01)
