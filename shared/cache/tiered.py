"""aiocache's interface to both tiers, and its registration: the one module that imports aiocache.

All of aiocache's public interface works on it (``get`` … ``raw``, ttl, namespaces, serializers, plugins, locks). Its
decorators are to be had here: ``@cached(alias="default")`` anywhere is the cache of the app that is open, also where a
function is decorated long before that. What aiocache wraps round each call costs more than a look into memory; what a
request of the gateway waits for has a way in of its own into the same tiers (``shared.cache.cache``).
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from enum import Enum
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

import aiocache
from aiocache import caches
from aiocache.base import BaseCache
from aiocache.lock import OptimisticLock, OptimisticLockError, RedLock
from aiocache.serializers import JsonSerializer, NullSerializer

from shared.cache.address import parse
from shared.cache.answers import NotPermitted
from shared.cache.cache import Cache
from shared.cache.named import ttl_seconds
from shared.cache.packed import incremented, packed, unpacked
from shared.cache.raw_client import client
from shared.cache.table import Change, Table
from shared.errors import KitError

__all__ = (
    "CacheAlias",
    "NoRedis",
    "NotOpen",
    "NullSerializer",
    "OptimisticLock",
    "OptimisticLockError",
    "RedLock",
    "TieredCache",
    "cached",
    "cached_stampede",
    "caches",
    "multi_cached",
)

F = TypeVar("F", bound=Callable[..., Any])


class Decorator(Protocol):
    """One of aiocache's, with arguments of its own."""

    def __call__(self, *arguments: Any, **options: Any) -> Callable[[F], F]:
        """What decorates a coroutine function."""
        ...


cached: Final[Decorator] = aiocache.cached
cached_stampede: Final[Decorator] = aiocache.cached_stampede
multi_cached: Final[Decorator] = aiocache.multi_cached

DEFAULT: Final = "default"
"""aiocache's own name for the cache that is meant where none is named."""

_UTF_8: Final = "utf-8"
_DECODED: Final = frozenset({"get", "mget", "keys"})


class NotOpen(KitError):
    """No app has its cache open."""


class NoRedis(KitError):
    """There is no Redis to give a command to: none is configured, or it is away."""


class TieredStore:
    """What a :class:`TieredCache` is a view of: an app's open cache, and where its Redis is."""

    def __init__(self, cache: Cache, redis_url: str = "") -> None:
        self.table = Table(cache)
        self._cache = cache
        self._address = parse(redis_url) if redis_url else None

    async def command(self, name: str, *arguments: Any, **options: Any) -> Any:
        """What redis-py's client answers to a command, on a connection of its own.

        Raises:
            NoRedis: there is nobody to answer.
        """
        if self._address is None or self._cache.redis is None or not self._cache.redis.up:
            raise NoRedis("Redis is away" if self._address else "no Redis is configured")
        async with client(self._address) as redis:
            return await getattr(redis, name)(*arguments, **options)


class TieredCache(BaseCache):
    """Memory and Redis as one of aiocache's caches. Nothing raises because Redis is away, but for :meth:`raw`.

    Values are whatever the serializer makes of them, text, bytes or numbers: bytes stay bytes, and text comes back as
    text where the serializer has an encoding. ``ttl`` is in seconds, fractions too; None and 0 mean as long as anything
    is kept, a week. No time-out is set by default: Redis has a bound of its own, 150 ms, and memory needs none.
    """

    NAME = "tiered"

    def __init__(
        self, store: Callable[[], TieredStore], serializer: Any = None, timeout: float | None = 0, **options: Any
    ) -> None:
        """``store`` is asked at each call; ``options`` are those of aiocache's ``BaseCache``."""
        self._store = store
        super().__init__(  # type: ignore[no-untyped-call]
            serializer=serializer or JsonSerializer(), timeout=timeout, **options
        )

    def _build_key(self, key: Any, namespace: str | None = None) -> str:
        # The namespace ends at the first colon, so none is the beginning of another.
        space = self.namespace if namespace is None else namespace
        space = (space or "").replace("%", "%25").replace(":", "%3A")
        return f"{space}:{key.value if isinstance(key, Enum) else key}"

    async def _get(self, key: Any, encoding: str | None = _UTF_8, _conn: object = None) -> Any:
        (data,) = await self._table.get([str(key)])
        return unpacked(data, encoding)

    async def _gets(self, key: Any, encoding: str | None = _UTF_8, _conn: object = None) -> Any:
        return unpacked(await self._table.newest(str(key)), encoding)

    async def _multi_get(self, keys: Iterable[Any], encoding: str | None = _UTF_8, _conn: object = None) -> list[Any]:
        return [unpacked(data, encoding) for data in await self._table.get([str(key) for key in keys])]

    async def _set(
        self, key: Any, value: Any, ttl: float | None = None, _cas_token: Any = None, _conn: object = None
    ) -> bool:
        data, life = packed(value), ttl_seconds(ttl)
        if _cas_token is None:
            return await self._table.put([(str(key), data)], life)
        expected, change = packed(_cas_token), Change(data, life)
        made = await self._table.compare_and_set(str(key), lambda there: change if there == expected else None)
        return made is not None

    async def _multi_set(
        self, pairs: Iterable[tuple[Any, Any]], ttl: float | None = None, _conn: object = None
    ) -> bool:
        return await self._table.put([(str(key), packed(value)) for key, value in pairs], ttl_seconds(ttl))

    async def _add(self, key: Any, value: Any, ttl: float | None = None, _conn: object = None) -> bool:
        if not await self._table.add(str(key), packed(value), ttl_seconds(ttl)):
            raise ValueError(f"Key {key} already exists, use .set to update the value")
        return True

    async def _exists(self, key: Any, _conn: object = None) -> bool:
        return (await self._table.get([str(key)])) != [None]

    async def _increment(self, key: Any, delta: int, _conn: object = None) -> int:
        if type(delta) is not int:
            raise TypeError("delta is not an integer")
        change = await self._table.compare_and_set(str(key), lambda there: Change(incremented(there, delta)))
        return 0 if change is None or change.value is None else int(change.value[1:])

    async def _expire(self, key: Any, ttl: float | None, _conn: object = None) -> bool:
        name, life = str(key), ttl_seconds(ttl)
        change = await self._table.compare_and_set(name, lambda there: None if there is None else Change(there, life))
        return change is not None

    async def _delete(self, key: Any, _conn: object = None) -> int:
        return int(await self._table.drop(str(key)))

    async def _clear(self, namespace: str | None = None, _conn: object = None) -> bool:
        space = self.namespace if namespace is None else namespace
        return await self._table.clear("" if space is None else str(self.build_key("", namespace=space)))

    async def _raw(
        self, command: str, *arguments: Any, encoding: str | None = _UTF_8, _conn: object = None, **options: Any
    ) -> Any:
        answer = await self._store().command(command, *arguments, **options)
        if encoding is None or command not in _DECODED:
            return answer
        many = isinstance(answer, list)
        decoded = [one if one is None else one.decode(encoding) for one in (answer if many else [answer])]
        return decoded if many else decoded[0]

    async def _redlock_release(self, key: Any, value: Any) -> int:
        name, expected = str(key), packed(value)
        try:
            gone = await self._table.compare_and_set(name, lambda there: Change(None) if there == expected else None)
        except NotPermitted:  # a lock that goes on would keep everybody waiting: the next best, as with memcached
            return int(await self._table.newest(name) == expected and await self._table.drop(name))
        return int(gone is not None)

    @property
    def _table(self) -> Table:
        return self._store().table


class CacheAlias:
    """Makes an app's cache aiocache's; a resource of the app, inside the cache's own life.

    While it is open, ``caches.get(alias)`` and ``@cached(alias=…)`` are views of that cache, for the alias ``default``
    and for the app's own. Where several apps are open in one process, ``default`` is the one that was opened last.
    """

    def __init__(self, cache: Cache, redis_url: str, alias: str) -> None:
        """``redis_url`` is for :meth:`TieredCache.raw`."""
        self._store = TieredStore(cache, redis_url)
        self._aliases = (DEFAULT, alias)
        caches.add(alias, _configuration(alias))

    async def __aenter__(self) -> Self:
        """The aliases mean this cache from now on."""
        for alias in self._aliases:
            _open[alias].append(self._store)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """They mean it no longer."""
        for alias in self._aliases:
            _open[alias].remove(self._store)

    def view(self, **options: Any) -> TieredCache:
        """Another view of this cache, with a serializer, namespace, life or plugins of its own."""
        return TieredCache(lambda: self._store, **options)


_open: defaultdict[str, list[TieredStore]] = defaultdict(list)


def _configuration(alias: str) -> dict[str, object]:
    def opened() -> TieredStore:
        if not _open[alias]:
            raise NotOpen(f"no app with the cache {alias!r} is open")
        return _open[alias][-1]

    # aiocache copies configurations deeply, functions excepted, and calls what it finds here.
    return {"cache": lambda **options: TieredCache(opened, **options)}


def _without_values(record: logging.LogRecord) -> bool:
    """The decorators log keys and values that could not be kept, and so may the error; that is nobody's business."""
    error = record.exc_info[0] if record.exc_info else None
    record.msg, record.args = str(record.msg).partition(" %s")[0], ()
    if error is not None:
        record.msg, record.exc_info = f"{record.msg}: {error.__name__}", None
    return True


logging.getLogger("aiocache.decorators").addFilter(_without_values)
# Whatever this alias stood for before, for whoever is decorated with it from now on it is ours.
caches.set_config({**caches.get_config(), DEFAULT: _configuration(DEFAULT)})
