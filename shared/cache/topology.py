"""Redis topologies (single, Sentinel, cluster): which nodes there are, and which of them has a key.

redis-py knows how to find a master through Sentinels and how a cluster divides its slots; connections are its own too.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol

from redis._parsers import _AsyncHiredisParser  # no other way to give a connection a reader of ours
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ClusterError, InvalidResponse, RedisClusterException, RedisError
from redis.maint_notifications import MaintNotificationsConfig

from shared.cache.address import RedisAddress
from shared.cache.link import BoundedReader

_CONNECT_SECONDS: Final = 0.5
_CONNECT_ROUND_TRIPS: Final = 3
"""TCP, and a handshake of TLS 1.2."""
_POLL_SECONDS: Final = 0.5


class Topology(Protocol):
    """Finds the nodes that take writes.

    Attributes:
        reply_seconds: how long each of them has for an answer.
    """

    reply_seconds: float

    async def connections(self) -> Sequence[AbstractConnection]:
        """One connection, not open yet, to each node that takes writes.

        Raises:
            RedisError, OSError: they cannot be found at the moment.
        """
        ...

    def node_of(self, key: str) -> int:
        """Which of them has ``key``, as an index."""
        ...

    async def moved(self) -> None:
        """Return when other nodes take the writes by now, as far as the nodes themselves would not tell in time."""
        ...

    async def close(self) -> None:
        """Close what was needed to find them."""
        ...


def topology(address: RedisAddress) -> Topology:
    """What finds the nodes at ``address``."""
    if address.mode == "sentinel":
        return _Watched(address)
    return _Clustered(address) if address.mode == "cluster" else _Single(address)


def raise_if_cancelled(error: BaseException) -> None:
    """Raise ``CancelledError`` where this task has been cancelled and got ``error`` instead of that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error


def _connect_seconds(address: RedisAddress) -> float:
    return max(_CONNECT_SECONDS, _CONNECT_ROUND_TRIPS * address.reply_seconds)


def _connection(address: RedisAddress, host: str, port: int) -> AbstractConnection:
    kind = SSLConnection if address.tls else Connection
    return kind(
        host=host,
        port=port,
        protocol=3,
        parser_class=_BoundedParser,
        socket_connect_timeout=_connect_seconds(address),
        socket_timeout=None,
        retry=Retry(NoBackoff(), 0),
        driver_info=None,
        **address.options,
    )


class _BoundedParser(_AsyncHiredisParser):
    """What redis-py reads the answers to its own greeting with."""

    def on_connect(self, connection: Any) -> None:
        """Begin to read from ``connection``."""
        super().on_connect(connection)  # type: ignore[no-untyped-call]
        self._reader: Any = BoundedReader(
            protocolError=InvalidResponse, replyError=self.parse_error, notEnoughData=NOT_ENOUGH_DATA
        )


class _Single:
    """One node."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self.reply_seconds = address.reply_seconds

    async def connections(self) -> Sequence[AbstractConnection]:
        return [_connection(self._address, *self._address.hosts[0])]

    def node_of(self, _key: str) -> int:
        return 0

    async def moved(self) -> None:
        await _never()

    async def close(self) -> None:
        pass


class _Watched:
    """The node that the Sentinels take for the master."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self.reply_seconds = address.reply_seconds
        self._master: tuple[str, int] | None = None
        # They are asked one after another.
        timeout = _connect_seconds(address) / len(address.hosts)
        options: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        if address.tls:
            options |= {"ssl": True} | {name: value for name, value in address.options.items() if name[:4] == "ssl_"}
        self._sentinel = Sentinel(
            list(address.hosts),
            sentinel_kwargs={**options, **address.sentinel_options, "retry": Retry(NoBackoff(), 0)},
        )

    async def connections(self) -> Sequence[AbstractConnection]:
        self._master = await self._discover()
        return [_connection(self._address, *self._master)]

    def node_of(self, _key: str) -> int:
        return 0

    async def moved(self) -> None:
        # After a planned fail-over the old master goes on as one until the Sentinels demote it, 8 to 20 s later.
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                if await self._discover() != self._master:
                    return
            except (RedisError, OSError) as error:
                raise_if_cancelled(error)

    async def close(self) -> None:
        await asyncio.gather(*(client.aclose() for client in self._sentinel.sentinels))

    async def _discover(self) -> tuple[str, int]:
        host, port = await self._sentinel.discover_master(self._address.service)
        return str(host), int(port)


class _Clustered:
    """Every primary of a cluster."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self.reply_seconds = address.reply_seconds
        self._cluster: RedisCluster | None = None
        self._index: dict[str, int] = {}

    async def connections(self) -> Sequence[AbstractConnection]:
        await self.close()
        options: dict[str, Any] = {**self._address.options, "ssl": self._address.tls}
        timeout = _connect_seconds(self._address)
        cluster: RedisCluster = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in self._address.hosts],
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
            **options,
        )
        try:
            self._cluster = await cluster.initialize()
        except BaseException as error:
            await cluster.aclose()
            if isinstance(error, RedisClusterException):  # which is no RedisError
                raise ClusterError(str(error)) from error
            raise
        primaries = cluster.get_primaries()
        self._index = {node.name: number for number, node in enumerate(primaries)}
        return [_connection(self._address, str(node.host), int(node.port)) for node in primaries]

    def node_of(self, key: str) -> int:
        if self._cluster is None:
            raise LookupError(key)
        node = self._cluster.get_node_from_key(key)
        if node is None:
            raise LookupError(key)
        return self._index[node.name]

    async def moved(self) -> None:
        await _never()

    async def close(self) -> None:
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            await cluster.aclose()


async def _never() -> None:
    await asyncio.get_running_loop().create_future()
