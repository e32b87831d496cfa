"""Gateways are restarted one after another behind a balancer that knows nothing of requests: none of these fails."""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from typing import Final, Self

import pytest

from shared.cancellation import cancel_and_wait
from tests.fixtures.counting_services import CountingServices
from tests.fixtures.edge_on import SHOWN_TEXT
from tests.fixtures.processes import App, StartApp
from tests.proxies.balancer import Balancer, balancing

DRAIN: Final = 2.0
CHECK: Final = 0.1
_PAUSE_SECONDS: Final = 0.02

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Clients:
    """So many clients that try nothing twice; running inside the context.

    Attributes:
        outcomes: answers by status, and how those ended that got none.
    """

    def __init__(self, port: int, *, kept: int, new: int) -> None:
        """``kept`` of them stay on a connection until they are told to leave it, ``new`` make one for each request."""
        self._port = port
        self._keep = [True] * kept + [False] * new
        self._clients: list[asyncio.Task[None]] = []
        self.outcomes: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        self._clients = [asyncio.create_task(self._client(number)) for number in range(len(self._keep))]
        return self

    async def __aexit__(self, *_error: object) -> None:
        await cancel_and_wait(*self._clients)

    async def answered(self, more: int) -> None:
        """Wait for so many further outcomes."""
        wanted = self.outcomes.total() + more
        while self.outcomes.total() < wanted:
            await asyncio.sleep(0.01)

    async def _client(self, number: int) -> None:
        streams: Streams | None = None
        try:
            while True:
                try:
                    streams = streams or await asyncio.open_connection("127.0.0.1", self._port)
                    outcome, ends = await self._ask(number, *streams)
                except (OSError, asyncio.IncompleteReadError) as error:
                    outcome, ends = type(error).__name__, True
                self.outcomes[outcome] += 1
                if streams is not None and (ends or not self._keep[number]):
                    streams[1].transport.abort()
                    streams = None
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            if streams is not None:
                with contextlib.suppress(OSError):
                    streams[1].transport.abort()

    async def _ask(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, bool]:
        """The status of one answer, and whether it ends the connection."""
        path = f"/api/profile/user{number}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{SHOWN_TEXT}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        await reader.readexactly(next(int(line[15:]) for line in lines if line.startswith(b"content-length:")))
        return head.split(b" ")[1].decode(), b"connection: close" in lines


@pytest.mark.haproxy
@pytest.mark.timeout(300)
async def test_a_rolling_restart_fails_no_request(loop: object, start_app: StartApp, tmp_path: Path) -> None:
    """Neither of those that make a connection for each, nor of those that keep theirs until they are told."""
    with CountingServices() as services:
        settings = {**services.environment, "LOG_LEVEL": "warning", "SHUTDOWN_DRAIN_SECONDS": str(DRAIN)}
        gateways = [start_app("bff", **settings) for _ in range(3)]
        with balancing(tmp_path, [one.port for one in gateways], check_seconds=CHECK) as balancer:
            async with Clients(balancer.port, kept=2, new=4) as clients:
                for gateway in gateways:
                    await clients.answered(50)
                    assert await asyncio.to_thread(gateway.stop) == 0
                    await asyncio.to_thread(_come_back, gateway, balancer)
                await clients.answered(50)
        for gateway in gateways:
            gateway.kill()
    assert clients.outcomes.keys() == {"200"}


def _come_back(gateway: App, balancer: Balancer) -> None:
    balancer.wait_for(gateway.port, "DOWN")
    gateway.start()
    balancer.wait_for(gateway.port, "UP")
