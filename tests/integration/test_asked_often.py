"""``/metrics`` and ``/api/cache/stats`` are open to anybody: however many ask, they are made for all together."""

import asyncio
from typing import Any, Final

import pytest

from tests.fixtures.edge_on import SHOWN_TEXT
from tests.fixtures.gateway import Gateway, StartGateway
from tests.kit.wire import Wire

OPEN: Final = "application/openmetrics-text; version=1.0.0"
TEXT: Final = "text/plain; version=0.0.4"
ASKERS: Final = 100


async def _asked(port: int, path: str, **fields: str) -> tuple[int, dict[str, str], bytes]:
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    async with Wire(port) as wire:
        wire.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n{SHOWN_TEXT}{head}\r\n".encode())
        status, headers, body = await wire.answer()
        return status, dict(headers), body


def _port(gateway: Gateway) -> int:
    client: Any = gateway.client
    return int(client.port)


@pytest.mark.parametrize("path", ["/metrics", "/api/cache/stats"])
async def test_those_who_ask_at_once_share_what_is_made(start_gateway: StartGateway, path: str) -> None:
    """All are answered, whole; what they see differs far less often than it would have changed."""
    gateway = await start_gateway()
    answers = await asyncio.gather(*(_asked(_port(gateway), path) for _ in range(ASKERS)))
    assert {status for status, _, _ in answers} == {200}
    if path == "/metrics":
        assert len({body for _, _, body in answers}) < ASKERS / 2


async def test_whoever_waits_to_look_is_not_seen(start_gateway: StartGateway) -> None:
    """However many look at an idle system at once, and in whichever format, each sees that it is idle."""
    gateway = await start_gateway()
    asked = (_asked(_port(gateway), "/metrics", Accept=(TEXT, OPEN)[number % 2]) for number in range(ASKERS))
    for status, _, body in await asyncio.gather(*asked):
        assert status == 200
        assert b"\nhttp_active_requests 0.0\n" in body
