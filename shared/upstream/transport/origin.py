"""What is the same in every request to one service, made once."""

import asyncio
from collections.abc import Sequence
from functools import partial
from ssl import SSLContext
from typing import cast

from aiohttp import ClientSession
from aiohttp.client_reqrep import ClientRequest
from aiohttp.hdrs import HOST
from yarl import URL

from shared.settings.secret import Secret
from shared.upstream.request import CONSTANT_FIELDS
from shared.upstream.transport.connector import Connector


class Origin:
    """Where a service is, and what is the same in every request to it.

    Attributes:
        example: a request to it, by which the connector knows which connections are wanted.
        key: what it keeps them under.
        path: what stands before the path of each call.
    """

    __slots__ = ("_fields", "_host", "_name", "_shown", "_token", "connector", "example", "key", "path")

    def __init__(  # noqa: PLR0917
        self, session: ClientSession, url: str, token: Secret, tls: SSLContext | None, hosts: Sequence[str], port: int
    ) -> None:
        base = URL(url, encoded=True)
        example = partial(ClientRequest, "GET", loop=asyncio.get_running_loop(), session=session, ssl=tls or True)
        named = self.example = example(base)
        self.connector = cast("Connector", session.connector)
        self._name = ""
        if hosts:
            self._name = self.connector.addresses.add(hosts)
            self.example = example(base.with_host(self._name).with_port(port), server_hostname=base.raw_host)
        self.key = self.example.connection_key
        self.path = base.raw_path.rstrip("/")
        self._host = f"{HOST}: {named.headers[HOST]}\r\n"
        self._token = token
        self._shown: str | None = None
        self._fields = ""

    def fields(self) -> str:
        """The header fields that are the same in each request, until there is another token."""
        token = self._token.text
        if token is not self._shown:
            self._shown = token
            shown = f"Authorization: Bearer {token}\r\n" if token else ""
            self._fields = f"{self._host}{shown}{CONSTANT_FIELDS}"
        return self._fields

    def close(self) -> None:
        """Close what is in the pool."""
        self.connector.addresses.remove(self._name)
        self.connector.close_pooled(self.key)
