"""A process of its own that counts in a cache: ``python -m tests.kit.counting_process URL TIMES``."""

import asyncio
import sys

from shared.cache.build import build_cache
from shared.cache.near import Trust
from shared.cache.tiered import CacheAlias
from tests.fixtures.log_lines import heard


async def count(url: str, times: int) -> None:
    """Increase a number; for each time tell the number, when told to begin."""
    lost: list[bytes] = []
    with heard(lambda line: lost.append(line) if b"redis tier bypassed" in line else None):
        await _count(url, times)
    print("disturbed" if lost else "undisturbed", flush=True)  # noqa: T201


async def _count(url: str, times: int) -> None:
    async with (
        build_cache(url, 100, kinds=(), longest_life=600) as cache,
        CacheAlias(cache, url, "counting") as alias,
    ):
        while cache.trust is not Trust.COHERENT:
            await asyncio.sleep(0.001)
        view = alias.view()
        print("ready", flush=True)  # noqa: T201 - the test waits for it
        await asyncio.to_thread(sys.stdin.readline)
        print(*[await view.increment("count") for _ in range(times)], flush=True)  # noqa: T201
        await view.set("from afar", ["done"])
        print("done", flush=True)  # noqa: T201
        await asyncio.to_thread(sys.stdin.readline)
        print(await view.get("from here"), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(count(sys.argv[1], int(sys.argv[2])))
