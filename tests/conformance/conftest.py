"""Whom the rules are tried on: the gateway of this checkout, or whoever stands at ``CONFORMANCE_URL``."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

import pytest

from tests.conformance.answers import Answer
from tests.conformance.items import Event, Form, Item
from tests.fixtures.closing import closed
from tests.fixtures.edge_on import shown_to
from tests.fixtures.gateway import StartGateway

ELSEWHERE: Final = urlsplit(os.environ.get("CONFORMANCE_URL", ""))
TOKEN: Final = os.environ.get("CONFORMANCE_TOKEN", "")

collect_ignore = ["test_changes.py"] if ELSEWHERE.netloc else []
"""What takes services that do as they are told."""


@dataclass(frozen=True)
class Target:
    """An aggregate; ``path`` is its own, ``shown`` are fields of each request."""

    host: str
    port: int
    path: str
    shown: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None

    @classmethod
    def at(cls, url: SplitResult, token: str) -> "Target":
        """One that runs elsewhere."""
        tls = ssl.create_default_context() if url.scheme == "https" else None
        shown = {"Authorization": f"Bearer {token}"} if token else {}
        return cls(url.hostname or "", url.port or (80 if tls is None else 443), url.path, shown, tls)

    @asynccontextmanager
    async def asked(
        self, accept: str | None, query: str = "", *, method: str = "GET", version: str = "1.1", **fields: str
    ) -> AsyncIterator[Answer]:
        """The answer to one request, on a connection of its own; underscores in names of fields stand for dashes."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        sent = {"Host": f"{self.host}:{self.port}", **self.shown, **named}
        if accept is not None:
            sent["Accept"] = accept
        lines = [f"{method} {self.path}{query} HTTP/{version}", *map(": ".join, sent.items()), "", ""]
        reader, writer = await asyncio.open_connection(self.host, self.port, ssl=self.tls, limit=2**24)
        try:
            writer.write("\r\n".join(lines).encode("latin-1"))
            yield await Answer.read(reader, method)
        finally:
            await closed([writer])

    async def told(self, form: Form, query: str = "", **fields: str) -> list[Item]:
        """All that a one-shot stream says."""
        async with self.asked(form.media_type, query, **fields) as answer:
            assert answer.head.status == 200
            return [item async for item in answer.items(form)]

    async def state(self) -> str:
        """The id of what there is now."""
        async with self.asked("application/json") as answer:
            return answer.head.fields["etag"].removeprefix('W/"').removesuffix('"')

    def beside(self, identifier: str) -> "Target":
        """Another one, of another id."""
        return Target(self.host, self.port, f"{self.path.rpartition('/')[0]}/{identifier}", self.shown, self.tls)


StartTarget = Callable[[], Awaitable[Target]]


@pytest.fixture
def target(start_gateway: StartGateway) -> StartTarget:
    """A function that gives it, and starts it where that is ours to do."""

    async def start() -> Target:
        if ELSEWHERE.netloc:
            return Target.at(ELSEWHERE, TOKEN)
        gateway = await start_gateway()
        return Target("127.0.0.1", gateway.client.port, "/api/profile/user1", shown_to({}))

    return start


def named(items: list[Item], name: str) -> list[Event]:
    """The events of that name."""
    return [item for item in items if isinstance(item, Event) and item.name == name]
