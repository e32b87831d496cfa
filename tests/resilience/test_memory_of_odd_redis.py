"""What Redis announces is not believed: nobody makes room for half a billion elements."""

import asyncio
import re
import urllib.error
import urllib.request
from itertools import product
from pathlib import Path
from typing import Final

from tests.fixtures.odd_redis import OddRedis
from tests.fixtures.processes import App, StartApp

HUGE: Final = [
    *(b"%c500000000\r\n" % kind for kind in b"*~>%|"),
    b"*1\r\n*500000000\r\n",
    b">2\r\n+invalidate\r\n*500000000\r\n",
    b"*499999\r\n" * 9,
    b"$9999999999\r\n" + b"a" * 200_000,
]
MOST_MEGABYTES: Final = 50
MOST_VIRTUAL_MEGABYTES: Final = 2_000
"""Threads may begin meanwhile, each with room for a stack and a heap; half a billion elements are four thousand."""


def _megabytes(app: App) -> tuple[int, int]:
    """The most that the process has had in memory, and the most that it has asked for."""
    assert app.process is not None
    status = Path(f"/proc/{app.process.pid}/status").read_text()
    resident, virtual = (re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE) for name in ("VmHWM", "VmPeak"))
    assert resident
    assert virtual
    return int(resident[1]) // 1024, int(virtual[1]) // 1024


def _ask(app: App, path: str) -> int:
    try:
        with urllib.request.urlopen(app.url + path, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


async def test_no_room_is_made_for_what_is_announced(odd_redis: OddRedis, start_app: StartApp) -> None:
    """At the top or inside something, whole or in two pieces, as an answer, a greeting or news."""
    gateway = await asyncio.to_thread(start_app, "tests.fixtures.hasty_gateway", REDIS_URL=odd_redis.url)
    resident, virtual = _megabytes(gateway)
    for huge, command in product(HUGE, ("GET", "ROLE", "HELLO", "news", "news in two pieces")):
        greeted = odd_redis.greeted
        if command == "news":
            odd_redis.send(huge, b":1\r\n")
        elif command == "news in two pieces":
            odd_redis.send(huge[:4])
            await asyncio.sleep(0.005)
            odd_redis.send(huge[4:], b":1\r\n")
        else:
            odd_redis.odd = {command: huge}
            odd_redis.cut()
        assert await asyncio.to_thread(_ask, gateway, "/api/profile/user1") == 503  # there are no services
        async with asyncio.timeout(10):
            while odd_redis.greeted == greeted:
                await asyncio.sleep(0.005)
        odd_redis.odd = {}
        assert await asyncio.to_thread(_ask, gateway, "/api/cache/stats") == 200
    after = _megabytes(gateway)
    assert after[0] - resident < MOST_MEGABYTES
    assert after[1] - virtual < MOST_VIRTUAL_MEGABYTES
