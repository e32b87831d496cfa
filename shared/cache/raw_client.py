"""A plain redis-py client for other commands; it shares nothing with the cache's own connections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.sentinel import Sentinel

from shared.cache.address import RedisAddress

_SECONDS: Final = 5.0


@asynccontextmanager
async def client(address: RedisAddress) -> AsyncIterator[Any]:
    """A client of the Redis at ``address``, of its node that takes writes; closed at the end.

    Whatever it raises is redis-py's.
    """
    options: dict[str, Any] = {
        "socket_timeout": _SECONDS,
        "socket_connect_timeout": _SECONDS,
        "ssl": address.tls,
        **address.options,
    }
    host, port = address.hosts[0]
    if address.mode == "cluster":
        nodes = [ClusterNode(*one) for one in address.hosts]
        async with RedisCluster(startup_nodes=nodes, **options) as cluster:
            yield cluster
    elif address.mode == "sentinel":
        bounds = {"socket_timeout": _SECONDS, "socket_connect_timeout": _SECONDS}
        tls = {name: value for name, value in options.items() if name.startswith("ssl")}
        sentinel = Sentinel(list(address.hosts), sentinel_kwargs={**bounds, **tls, **address.sentinel_options})
        try:
            async with sentinel.master_for(address.service, **options) as master:
                yield master
        finally:
            for watcher in sentinel.sentinels:
                await watcher.aclose()
    else:
        async with Redis(host=host, port=port, **options) as single:
            yield single
