"""The connection pool of a worker, over which all its services are reached."""

import ssl
import time
from collections.abc import Sequence
from functools import partial
from typing import Final, Self

import aiohttp

from shared.deadline import Clock
from shared.errors import Unreachable
from shared.settings.secret import Secret
from shared.upstream.transport.connector import Connector
from shared.upstream.transport.origin import Origin
from shared.upstream.transport.transport import Transport

CONNECTION_SECONDS: Final = 300.0
"""A connection is used no longer: whoever balances connections in between must get a new one now and then."""
NO_TOKEN: Final = Secret()
"""For services that are shown none."""


class Session:
    """The connection pool of one worker; a resource of the app, open while it serves."""

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        clock: Clock = time.monotonic,
        connection_seconds: float = CONNECTION_SECONDS,
    ) -> None:
        """``tls`` says whom to trust and as whom to come; None trusts whom the system trusts.

        No connection is used for longer than ``connection_seconds``, some of them less, so that not all end together.
        """
        self._new_connector = partial(Connector, clock, connection_seconds, tls)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool; no connection is made before it is needed."""
        self._session = aiohttp.ClientSession(connector=self._new_connector(), cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the pool and every connection in it."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def transport(
        self,
        base_url: str,
        *,
        token: Secret = NO_TOKEN,
        tls: ssl.SSLContext | None = None,
        hosts: Sequence[str] = (),
        port: int = 0,
    ) -> Transport:
        """The innermost sender: one HTTP request to the service at ``base_url``.

        ``token``, as it is at the moment, is shown to it as Authorization: Bearer (RFC 6750 §2.1); ``tls`` says whom to
        trust and as whom to come there, None as everywhere. With ``hosts`` (addresses) connections are made to one of
        these and ``port``; who is meant, and whose certificate is wanted, ``base_url`` still tells.
        """

        def open_origin() -> Origin:
            if self._session is None:
                raise Unreachable("the session is closed")
            return Origin(self._session, base_url, token, tls, hosts, port)

        return Transport(base_url, open_origin)
