"""A read cache: answers that are read frequently from the database, kept as ready bytes for about a second by aiocache.

Nothing here outlives the database that it was read from: where another file lies in the place of an SQLite file, or
there is none, what was read from the old one is not given. What failed is not kept.

Nor does anything outlive a change. Where it stood a mark says that it was outdated, which no answer replaces: one that
was read before the change and is on its way is too old to be kept when the mark goes. Redis tells all processes of it.
Where some of them cannot be told, nothing is kept at all: while a Redis that is configured is away, and without one for
whoever may not be the only process on its database.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final, Protocol, Self

from services.engines import is_sqlite
from services.frequency import Frequency
from services.settings import ServiceSettings
from shared import codec
from shared.cache.answers import NotPermitted
from shared.cache.build import build_cache
from shared.cache.near import Trust
from shared.cache.redis import RedisTier
from shared.cache.tiered import CacheAlias, NullSerializer
from shared.deadline import Clock, since_boot
from shared.observing.telemetry.spans import Spans

_MEGABYTE: Final = 2**20
_ABSENT: Final = b""
_OUTDATED: Final = b"-"
"""No JSON: something has changed so lately that what is being read may be of before."""
_MARGIN_SECONDS: Final = 1.0
_SHARED: Final = (Trust.COHERENT, Trust.BLIND)
"""While Redis is there."""


class Source(Protocol):
    """Where answers come from, such as a database."""

    def source(self) -> str | None:
        """Names it; None while there is nothing to read from."""
        ...


class ReadCache:
    """The read cache of ``service``, over both tiers or memory alone; a resource of the app, open while it serves."""

    def __init__(
        self,
        service: str,
        settings: ServiceSettings,
        database: Source,
        spans: Spans | None = None,
        *,
        clock: Clock = since_boot,
        frequency: Frequency | None = None,
    ) -> None:
        """``frequency`` tells which answers are worth keeping."""
        self._seconds = settings.read_cache_seconds
        self._is_sole = is_sqlite(settings.database_url) and settings.workers == 1
        self._database = database
        self._clock = clock
        self._frequency = frequency or Frequency(self._seconds, settings.read_cache_entries, clock)
        self._cache = build_cache(
            settings.redis_url,
            settings.read_cache_entries,
            settings.read_cache_memory * _MEGABYTE,
            kinds=(),
            longest_life=self._seconds,
            namespace=settings.read_cache_namespace,
            clock=clock,
            spans=spans,
        )
        self._alias = CacheAlias(self._cache, settings.redis_url, service)
        # Its own part of the keys too, so that services which are given one namespace do not mix.
        self._view = self._alias.view(serializer=NullSerializer(encoding=None), namespace=service)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the cache, which is the app's for aiocache too."""
        await self._open.enter_async_context(self._cache)
        await self._open.enter_async_context(self._alias)
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close it."""
        await self._open.aclose()

    @property
    def redis(self) -> RedisTier | None:
        """The primary tier, where one is configured."""
        return self._cache.redis

    @property
    def longest_life(self) -> float:
        """Seconds after which whatever was kept is kept no more, in any process."""
        return self._seconds + _MARGIN_SECONDS

    async def outdate(self, names: Sequence[str]) -> bool:
        """Forget, everywhere, what is kept under ``names``, and what is being read for it.

        Tells whether no process can give it any more.
        """
        if (source := self._source()) is None:
            return not self._seconds or self._cache.redis is None
        marks = (self._view.set(f"{source}:{name}", _OUTDATED, ttl=self.longest_life) for name in names)
        return all(await asyncio.gather(*marks)) and self._is_shared()

    async def get(self, name: str, read: Callable[[], Awaitable[object]]) -> bytes | None:
        """What ``read`` gives, as JSON, or gave a moment ago under this name; None for None.

        Raises whatever ``read`` raises.
        """
        source, asked_at = self._source(), self._clock()
        kept = None if source is None else await self._view.get(f"{source}:{name}")
        if kept is None or kept == _OUTDATED:
            found, is_new = await read(), kept is None
            kept = _ABSENT if found is None else codec.encode(found)
            if is_new:
                await self._keep(source, asked_at, {name: kept})
        return kept or None

    async def get_many(
        self, kind: str, ids: Iterable[str], read: Callable[[Sequence[str]], Awaitable[Mapping[str, object]]]
    ) -> bytes:
        """What ``read`` gives by id, or gave a moment ago, as a JSON list in the order of ``ids``.

        What is not there is left out, and what is wanted twice is there once. Each is kept under ``kind:id``, as
        :meth:`one` does. Raises whatever ``read`` raises.
        """
        source, asked_at = self._source(), self._clock()
        wanted = list(dict.fromkeys(ids))
        kept: dict[str, bytes | None] = dict.fromkeys(wanted)
        if source is not None:
            kept.update(
                zip(wanted, await self._view.multi_get([f"{source}:{kind}:{one}" for one in wanted]), strict=True)
            )
        outdated = {one for one, data in kept.items() if data == _OUTDATED}
        missing = [one for one, data in kept.items() if data is None or one in outdated]
        if missing:
            found = await read(missing)
            new = {one: codec.encode(found[one]) if one in found else _ABSENT for one in missing}
            kept.update(new)
            keep = {f"{kind}:{one}": data for one, data in new.items() if one not in outdated}
            await self._keep(source, asked_at, keep)
        return b"[%b]" % b",".join(data for data in kept.values() if data)

    def _source(self) -> str | None:
        return self._database.source() if self._seconds and self._is_shared() else None

    def _is_shared(self) -> bool:
        """Whether what is outdated here is outdated in every process."""
        return self._is_sole if self._cache.redis is None else self._cache.trust in _SHARED

    async def _keep(self, source: str | None, asked_at: float, answers: Mapping[str, bytes]) -> None:
        if source is None:
            return
        frequent = [(name, data) for name, data in answers.items() if self._frequency.is_frequent(name)]
        left = self._seconds - (self._clock() - asked_at)  # as old as the question
        if frequent and left > 0 and self._source() == source:
            await asyncio.gather(*(self._add(f"{source}:{name}", data, left) for name, data in frequent))

    async def _add(self, key: str, data: bytes, left: float) -> None:
        with contextlib.suppress(ValueError, NotPermitted, TimeoutError):  # something stands there, perhaps a mark
            await self._view.add(key, data, ttl=left)
