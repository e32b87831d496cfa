"""A head may be as long as it may be, however it is answered."""

import asyncio
from typing import Final

import pytest

from shared.http.strict_head import MAX_HEAD_BYTES
from tests.fixtures.edge_on import SHOWN_TEXT
from tests.fixtures.fake_services import FakeServices
from tests.fixtures.gateway import StartGateway
from tests.fixtures.raw_answers import raw_answers

_NAME: Final = "x" * 64


@pytest.mark.parametrize("early", ["true", "false"])
@pytest.mark.parametrize("query", ["", "?view=card"])
async def test_the_longest_head_is_as_long_on_both_ways(start_gateway: StartGateway, early: str, query: str) -> None:
    """Whatever part of it is long: one byte more than the longest is a 431."""
    gateway = await start_gateway(FakeServices.with_profile(_NAME), EARLY_ANSWERS=early)
    line = f"GET /api/profile/{_NAME}{query} HTTP/1.1\r\nHost: x\r\n{SHOWN_TEXT}Long: "
    for length, status in ((MAX_HEAD_BYTES, 200), (MAX_HEAD_BYTES + 1, 431)):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.client.port)
        writer.write(line.ljust(length - 4, "l").encode() + b"\r\n\r\n")
        writer.write_eof()
        (answer,) = raw_answers(await reader.read(), ["GET"])
        assert answer.status == status
        writer.close()
