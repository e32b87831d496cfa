"""Tasks that use redis-py are ended in whichever moment of a command they are cancelled."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

from shared.cache.keys import Keys
from shared.cache.links import Links
from shared.cancellation import cancel_and_wait
from tests.fixtures.redis_server import RedisServer
from tests.kit.caches import KINDS

MOMENTS = range(1, 16)
"""Turns of the loop after which a task is cancelled; a command takes about ten."""


async def _ask_for_ever(redis: "Redis") -> None:
    while True:
        await redis.execute_command("PING")


async def _turn(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


class _Asking:
    """A topology of no nodes that asks all the time whether they have moved, as one with Sentinels does."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def connections(self) -> Sequence[AbstractConnection]:
        """None."""
        return ()

    def node_of(self, _key: str) -> int:
        """No key has one."""
        raise LookupError

    async def moved(self) -> None:
        """They never do."""
        await _ask_for_ever(self._redis)

    async def close(self) -> None:
        """The test does."""


async def test_the_end_of_a_task(redis_server: RedisServer) -> None:
    """It ends, also where redis-py loses the cancellation."""
    async with aclosing(Redis.from_url(redis_server.url, socket_timeout=5)) as redis:
        for moment in MOMENTS:
            task = asyncio.create_task(_ask_for_ever(redis))
            await _turn(moment)
            await cancel_and_wait(task)
            assert task.cancelled()


async def test_lost_links_are_told(redis_server: RedisServer) -> None:
    """Whoever waits for the loss of a link hears of it, whatever is asked at the time."""
    async with aclosing(Redis.from_url(redis_server.url, socket_timeout=5)) as redis:
        for moment in MOMENTS:
            links = Links(_Asking(redis), Keys("test", KINDS), lambda *_: None)
            waiting = asyncio.create_task(links.lost())
            await _turn(moment)
            waiting.cancel()
            await asyncio.wait({waiting})
            assert waiting.cancelled()
