"""Streams of the gateway through each proxy, as docs/edge configures it: nothing is held back on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fixtures.closing import closed
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import StartGateway
from tests.fixtures.streaming import FORMS, SSE, Streaming, ask_on
from tests.proxies.proxies import CONTEXT, KINDS, running

PROFILE = "/api/profile/user1"
TOKEN = "a-secret-token"
THROUGH_BOTH = pytest.mark.parametrize("kind", KINDS)


class Through:
    """Asks through a proxy."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.opened: list[asyncio.StreamWriter] = []

    async def ask(self, path: str, form: str) -> Streaming:
        """On a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=CONTEXT, server_hostname="localhost")
        self.opened.append(writer)
        return await ask_on(reader, writer, path, accept=form)


class Started:
    """A gateway, its services, and how to ask for it through a proxy."""

    def __init__(self, start_gateway: StartGateway, folder: Path, stack: ExitStack) -> None:
        self.services = FakeServices.with_profile()
        self.opened: list[asyncio.StreamWriter] = []
        self._start_gateway = start_gateway
        self._folder = folder
        self._stack = stack

    async def behind(self, kind: str) -> tuple[Through, int]:
        """One behind that kind of proxy, and the port that it has itself."""
        gateway = await self._start_gateway(self.services, ADMIN_TOKEN=TOKEN)
        port = int(gateway.client.port)
        proxy = await asyncio.to_thread(self._stack.enter_context, running(kind, self._folder, port))
        through = Through(proxy.port)
        self.opened = through.opened
        return through, port


@pytest.fixture
async def started(start_gateway: StartGateway, tmp_path: Path) -> AsyncIterator[Started]:
    """None is started yet."""
    with ExitStack() as stack:
        made = Started(start_gateway, tmp_path, stack)
        yield made
        await closed(made.opened)
        await asyncio.to_thread(stack.close)


@THROUGH_BOTH
@pytest.mark.parametrize("form", FORMS)
async def test_a_part_arrives_before_the_next_is_known(started: Started, kind: str, form: str) -> None:
    """While a service has not answered, all that does not depend on it is there."""
    through, _ = await started.behind(kind)
    started.services.gates["products"] = asyncio.Event()
    stream = await through.ask(PROFILE, form)
    told = [await stream.next() for _ in range(3)]
    assert [one.name for one in told if one is not None] == ["begin", "part", "part"]
    started.services.gates["products"].set()
    assert [one.name for one in await stream.all()] == ["part", "complete", "end"]


@THROUGH_BOTH
@pytest.mark.parametrize("form", FORMS)
async def test_a_change_arrives_at_once(started: Started, kind: str, form: str) -> None:
    """And the end, when the client's proxy is told that there is nothing more."""
    through, port = await started.behind(kind)
    stream = await through.ask(f"{PROFILE}?live=true", form)
    for _ in range(5):
        assert await stream.next() is not None
    del started.services.users["user1"]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"DELETE /api/cache/profile/user1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 204")
    (end,) = await stream.all()
    assert end.data["reason"] == "problem"
    await closed([writer])


@THROUGH_BOTH
async def test_problems_pass_as_ever(started: Started, kind: str) -> None:
    """What has nothing to give is no stream."""
    through, _ = await started.behind(kind)
    answer = await through.ask("/api/profile/nobody", SSE)
    assert (answer.status, answer.fields["content-type"]) == (404, "application/problem+json")
