"""Tasks that use redis-py are ended in whichever moment of a command they are cancelled."""

import asyncio
from contextlib import aclosing
from typing import Final

from redis.asyncio import Redis

from shared.cache.address import parse
from shared.cache.keys import Keys
from shared.cache.link import LinkLost
from shared.cache.links import Links
from shared.cache.topology import topology
from shared.cancellation import cancel_and_wait
from tests.fixtures.redis_server import RedisServer
from tests.kit.caches import KINDS

KEYS: Final = Keys("test", KINDS)
MOMENTS: Final = range(1, 16)
"""Turns of the loop after which a task is cancelled; a command takes about ten."""


SOON: Final = 3
"""Turns in which a loss is told, whatever that ends: until then memory is believed."""


async def _ask_for_ever(redis: "Redis") -> None:
    while True:
        await redis.execute_command("PING")


async def _turn(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


class _Asking:
    """A single node, of which it is asked all the time whether it is still the one, as with Sentinels."""

    def __init__(self, url: str, redis: "Redis") -> None:
        self._single = topology(parse(url))
        self.reply_seconds, self._redis = self._single.reply_seconds, redis
        self.connections, self.node_of, self.close = self._single.connections, self._single.node_of, self._single.close

    async def moved(self) -> None:
        """It always is."""
        await _ask_for_ever(self._redis)


async def test_the_end_of_a_task(redis_server: RedisServer) -> None:
    """It ends, also where redis-py loses the cancellation."""
    async with aclosing(Redis.from_url(redis_server.url, socket_timeout=5)) as redis:
        for moment in MOMENTS:
            task = asyncio.create_task(_ask_for_ever(redis))
            await _turn(moment)
            await cancel_and_wait(task)
            assert task.cancelled()


async def test_the_loss_of_a_link_is_told(redis_server: RedisServer) -> None:
    """Whoever waits for it hears of it, whatever is being asked at the time."""
    async with aclosing(Redis.from_url(redis_server.url, socket_timeout=5)) as redis:
        for moment in MOMENTS:
            links = Links(_Asking(redis_server.url, redis), KEYS, lambda _names: None)
            await links.open()
            waiting = asyncio.create_task(links.lost())
            await _turn(moment)
            error = LinkLost("now")
            links.abort(error)
            await _turn(SOON)
            assert waiting.result() is error
            await links.close()
