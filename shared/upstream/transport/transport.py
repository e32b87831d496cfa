"""Carries calls out, and maps every error of aiohttp's to one of ours.

No redirect is followed, no cookie kept, no compression asked for and no compressed body taken, so that nothing a
service sends can grow in memory here.
"""

import ssl
from collections.abc import Callable
from typing import Any, Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EofStream

from shared.errors import BadResponse, NotConnected, Unreachable, UpstreamError
from shared.observing.logs import log_deduplicated
from shared.upstream.call import Call, Reply
from shared.upstream.request import request
from shared.upstream.statuses import raise_for_status
from shared.upstream.transport.body import read_bounded
from shared.upstream.transport.connection import ServiceConnection
from shared.upstream.transport.origin import Origin

_READ: Final = (200, 404)
"""Nearly all statuses."""
BODY_LIMIT: Final = 2 * 1024 * 1024


class Transport:
    """Requests to one service, or to one of its instances, over connections of its own."""

    __slots__ = ("_base_url", "_is_closed", "_open", "_origin")

    def __init__(self, base_url: str, open_origin: Callable[[], Origin]) -> None:
        """``open_origin`` tells where ``base_url`` is, and raises ``Unreachable`` while the session is closed."""
        self._base_url = base_url
        self._open = open_origin
        self._origin: Origin | None = None
        self._is_closed = False

    def close(self) -> None:
        """Close its idle connections at once, and those in use when they have been used."""
        self._is_closed = True
        if self._origin is not None:
            self._origin.close()
            self._origin = None

    async def __call__(self, call: Call[Any]) -> Any:
        """Carry out ``call``."""
        origin = self._origin
        if origin is None or origin.connector.closed:
            if self._is_closed:
                raise Unreachable("the instance has left", retryable=True, at_once=True, is_failure=False)
            origin = self._origin = self._open()
        connection: ServiceConnection | None = None
        try:
            connector = origin.connector
            connection = connector.take_pooled(origin.key)
            if connection is None:
                connection = await connector.open_new(origin.example)
            try:
                written = request(origin.path, origin.fields(), call)
                if call.change is not None:
                    call.change.sent += 1
                connection.send(written)
                reply = await connection.plain
                if reply is None:
                    message, payload = await connection.read()
                    body = await read_bounded(message.headers, payload, BODY_LIMIT)
                    reply = Reply(message.code, message.headers, body)
                if reply.status not in _READ:
                    raise_for_status(reply)
                value = call.read(reply)
            except BaseException:
                # Also after an answer that is of no use: it may have been another's, and the own one be yet to come.
                connector.put_back(origin.key, connection, close=True)
                raise
            connector.put_back(origin.key, connection, close=self._is_closed)
        except (aiohttp.ClientError, HttpProcessingError, ValueError, OSError, EofStream) as error:
            if connection is not None and connection.was_stale():
                # The service was closing it while the request was on its way: no fault of anybody's.
                raise Unreachable(
                    "a pooled connection was stale", retryable=True, at_once=True, is_failure=False
                ) from error
            raise self._ours(error) from error
        return value

    def _ours(self, error: Exception) -> UpstreamError:
        kind = type(error).__name__
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return self._refused("the service's certificate is not accepted", error.certificate_error)
        if isinstance(error, aiohttp.ClientConnectorSSLError):
            return self._refused("the TLS handshake failed", error.os_error)
        if isinstance(error, aiohttp.ClientConnectorError):
            return NotConnected(f"no connection ({kind})", retryable=True)
        if isinstance(error, aiohttp.ClientPayloadError | HttpProcessingError | ValueError):
            return BadResponse(f"the answer is not valid HTTP ({kind})")
        if isinstance(refusal := error.__cause__, ssl.SSLError):
            return self._refused("the service refused the handshake", refusal)
        return Unreachable(f"the connection broke ({kind})")

    def _refused(self, what: str, error: Exception) -> Unreachable:
        """An error that people must repair: it is logged, and not retried."""
        why = getattr(error, "verify_message", "") or getattr(error, "reason", "") or type(error).__name__
        log_deduplicated("error", "upstream TLS failed", "upstream", address=self._base_url, error=f"{what}: {why}")
        return Unreachable(f"{what}: {why}")
