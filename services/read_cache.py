"""A read cache: answers that are read frequently from the database, kept as ready bytes for about a second by aiocache.

Nothing here outlives the database that it was read from: where another file lies in the place of an SQLite file, or
there is none, what was read from the old one is not given. What failed is not kept.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final, Protocol, Self

from services.frequency import Frequency
from services.settings import ServiceSettings
from shared import codec
from shared.cache.build import build_cache
from shared.cache.tiered import CacheAlias, NullSerializer
from shared.deadline import Clock, since_boot
from shared.observing.telemetry.spans import Spans

_MEGABYTE: Final = 2**20
_ABSENT: Final = b""


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

    async def get(self, name: str, read: Callable[[], Awaitable[object]]) -> bytes | None:
        """What ``read`` gives, as JSON, or gave a moment ago under this name; None for None.

        Raises whatever ``read`` raises.
        """
        source, asked_at = self._source(), self._clock()
        kept = None if source is None else await self._view.get(f"{source}:{name}")
        if kept is None:
            found = await read()
            kept = _ABSENT if found is None else codec.encode(found)
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
        missing = [one for one, data in kept.items() if data is None]
        if missing:
            found = await read(missing)
            new = {one: codec.encode(found[one]) if one in found else _ABSENT for one in missing}
            kept.update(new)
            await self._keep(source, asked_at, {f"{kind}:{one}": data for one, data in new.items()})
        return b"[%b]" % b",".join(data for data in kept.values() if data)

    def _source(self) -> str | None:
        return self._database.source() if self._seconds else None

    async def _keep(self, source: str | None, asked_at: float, answers: Mapping[str, bytes]) -> None:
        if source is None:
            return
        pairs = [(f"{source}:{name}", data) for name, data in answers.items() if self._frequency.is_frequent(name)]
        left = self._seconds - (self._clock() - asked_at)  # as old as the question
        if pairs and left > 0 and self._source() == source:
            await self._view.multi_set(pairs, ttl=left)
