"""The pool of connections, which aiohttp opens (TLS too) and keeps."""

import asyncio
import ssl
import time
from functools import partial
from typing import Any, Final, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ConnectionKey
from aiohttp.connector import Connection

from shared.cancellation import cancellable
from shared.deadline import Clock
from shared.errors import Unreachable
from shared.upstream.transport.addresses import Addresses
from shared.upstream.transport.connection import ServiceConnection

KEEPALIVE_SECONDS: Final = 15.0
"""Shorter than any service keeps an idle connection, so that we never write into one that is being closed."""
_MAX_FRESH: Final = 2
"""So many new connections may be of no use before anything was asked."""
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=None)
"""Deadlines are kept by the timeout policy."""


class Connector(aiohttp.TCPConnector):
    """Makes connections of ours, and gives none in which unread bytes wait."""

    def __init__(self, clock: Clock, connection_seconds: float, tls: ssl.SSLContext | None) -> None:
        self.addresses = Addresses()
        self._clock = clock
        super().__init__(
            resolver=self.addresses, use_dns_cache=False, limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ssl=tls or True
        )
        made = partial(ServiceConnection, loop=self._loop, clock=clock, seconds=connection_seconds)
        self._factory = cast("partial[ResponseHandler]", made)

    def take_pooled(self, key: ConnectionKey) -> ServiceConnection | None:
        """One that lay in the pool; those there that are of no use any more are closed, which is no attempt."""
        idle: Any = self._conns.get(key)
        kept_from = time.monotonic() - KEEPALIVE_SECONDS
        while idle:
            connection: ServiceConnection
            connection, since = idle.popleft()
            if since >= kept_from and self._clock() < connection.old_from and connection.is_idle():
                self._acquired.add(connection)
                return connection
            connection.close()
        return None

    def put_back(self, key: ConnectionKey, connection: ServiceConnection, *, close: bool = False) -> None:
        """It has been used, and lies in the pool from now on, unless it is of no more use, or is to be closed."""
        if close or self._cleanup_handle is None or not connection.is_reusable():
            self._release(key, connection, should_close=close)
        else:  # the same without a search for somebody who waits: nobody does where there is no limit
            self._acquired.discard(connection)
            self._conns[key].append((connection, time.monotonic()))

    def close_pooled(self, key: ConnectionKey) -> None:
        """Close those that lie in the pool."""
        for protocol, _since in self._conns.pop(key, ()):
            protocol.close()

    async def open_new(self, example: ClientRequest) -> ServiceConnection:
        """A new one.

        Raises:
            Unreachable: they are ended, or spoken on, before anything was asked.
            aiohttp.ClientError: there is none.
        """
        for _ in range(_MAX_FRESH):
            made = await cancellable(self.connect(example, [], _NO_TIMEOUT), unwanted=Connection.close)
            connection = cast("ServiceConnection", made.protocol)
            made._protocol = None  # noqa: SLF001 - it comes back without what aiohttp has put round it
            if connection.is_idle():
                return connection
            try:
                await asyncio.sleep(0)  # a connection that is being lost tells why in the next turn of the loop
                lost = connection.exception()
            finally:
                self.put_back(example.connection_key, connection, close=True)
            if lost is not None and isinstance(lost.__cause__, ssl.SSLError):
                raise lost
        raise Unreachable("connections are ended, or spoken on, before anything was asked", retryable=True)
