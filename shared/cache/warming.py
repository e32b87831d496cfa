"""Warming: a process that starts has the hottest entries in memory before it serves, so that a rollout is no herd.

Hot is what memory was asked for last, which it knows already: no hit pays for this. Every ten seconds one process of
all writes the keys down in Redis, in pages, the hottest first. What a new one reads there are keys and nothing else:
their entries come by the way of every read from Redis, under a token, so that what is purged meanwhile is not kept.
Nothing that goes wrong costs more than the warmth.
"""

import asyncio
from contextvars import Context
from types import TracebackType
from typing import Any, Final, Self

from redis.exceptions import ResponseError

from shared import codec
from shared.cache.answers import is_refused
from shared.cache.cache import Cache
from shared.cache.near import Trust
from shared.cache.redis_client import RedisClient, TierDown
from shared.cache.redis_errors import error_text
from shared.cache.replies import MOVING
from shared.cancellation import cancel_and_wait
from shared.observing import metrics
from shared.observing.background import keep_running
from shared.observing.logs import log, log_error

MAX_SECONDS: Final = 2.0
"""So long a start may take longer."""
MAX_ENTRIES: Final = 5_000
PAGE: Final = 100
"""So many keys stand together, and so many entries are asked for at once."""

_TELL_SECONDS: Final = 10.0
_TURN_MS: Final = 9_500
"""Who has told keeps all others from it for so long."""
_KEEP_MS: Final = 60_000
_PAGE_BYTES: Final = 1_000_000

_read_page: Final = codec.decoder(list[str])


class Warming:
    """Warms ``cache``, and tells others what is hot in it; a resource of the app, inside the cache's own life."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._refused = ""
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Warm the cache, if Redis is there and tells of changes; for :data:`MAX_SECONDS` at most."""
        if self._cache.redis is not None:
            await self._warm(self._cache.redis)
            name = "warming"
            # In a context of its own: what it logs belongs to no request.
            self._task = asyncio.get_running_loop().create_task(
                keep_running(self._tell_again, name), name=name, context=Context()
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Tell no more."""
        if self._task is not None:
            await cancel_and_wait(self._task)

    async def tell(self) -> None:
        """Write down what is hot here, unless another process has done so just now."""
        cache = self._cache
        hottest = cache.near.store.hottest(MAX_ENTRIES, cache.clock())
        if cache.redis is None or cache.trust is not Trust.COHERENT or not hottest:
            return
        pages = [hottest[start : start + PAGE] for start in range(0, len(hottest), PAGE)]
        try:
            if not await self._ask(cache.redis, "turn", "SET", b"", "NX", "PX", _TURN_MS):
                return
            for number, page in enumerate(pages):
                await self._ask(cache.redis, str(number), "SET", codec.document(page), "PX", _KEEP_MS)
        except TierDown:  # logged and counted by the tier
            return

    async def _tell_again(self) -> None:
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            await self.tell()

    async def _warm(self, redis: RedisClient) -> None:
        clock = asyncio.get_running_loop().time
        started, taken = clock(), list[str]()
        try:
            async with asyncio.timeout(MAX_SECONDS):
                await redis.tried()
                await self._take(redis, taken)
        except (TierDown, TimeoutError):  # it is as warm as it is
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no reason not to serve
            log_error("cache not warmed", "cache", error)
        log("info", "cache warmed", "cache", entries=len(taken), seconds=round(clock() - started, 3))

    async def _take(self, redis: RedisClient, taken: list[str]) -> None:
        """Take page after page into memory, as long as there is room; ``taken`` are the keys so far.

        Raises:
            TierDown: Redis is away.
        """
        store = self._cache.near.store
        for number in range(MAX_ENTRIES // PAGE):
            page = await self._page(redis, number)
            if page is None or not (room := store.room):
                return
            taken += await self._cache.warm(page[:room])
            for key in reversed(taken):  # so that what is hotter goes later
                store.peek(key)

    async def _page(self, redis: RedisClient, number: int) -> list[str] | None:
        """The keys of entries on one page; None where there is none."""
        written = await self._ask(redis, str(number), "GET")
        if not isinstance(written, bytes):
            return None
        try:
            if len(written) > _PAGE_BYTES:
                raise codec.MalformedJSON("too much")
            keys = _read_page(written)[:PAGE]
        except ValueError:
            metrics.cache_unreadable.inc()
            return []
        return [key for key in dict.fromkeys(keys) if self._cache.keys.is_entry(key)]

    async def _ask(self, redis: RedisClient, name: str, command: str, *arguments: str | bytes | int) -> Any:
        """What Redis says about one of its keys; None where it does not do this, or not now.

        Raises:
            TierDown: there is no answer.
        """
        key = self._cache.keys.hot(name)
        (reply,) = await redis.attempt(key, (command, key, *arguments))
        if is_refused(reply) and self._refused != (text := error_text(reply)):
            self._refused = text
            log("warning", "redis refuses hot keys", "cache", command=command, error=text)
        return None if reply is MOVING or isinstance(reply, ResponseError) else reply
