"""A process of its own that admits by a quota: ``python -m tests.kit.quota_process URL PROCESSES PATIENCE``.

For each line ``RATE SECONDS NOW`` it has so many requests a second, and tells how many it has admitted, and refused.
"""

import asyncio
import sys
from collections import Counter

from shared.cache.build import build_cache
from shared.cache.quota_ledger import QuotaLedger
from shared.edge.bucket import PENDING, Bucket, Verdict
from shared.edge.quotas import Quotas
from shared.edge.settings import EdgeSettings
from shared.settings.loading import load
from tests.fixtures.log_lines import heard
from tests.kit.caches import until

SUBJECT = "ada"
_TICK_SECONDS = 0.002


class Now:
    """A clock that stands."""

    at = 0.0

    def __call__(self) -> float:
        """What it was set to."""
        return self.at


async def offer(quotas: Quotas, bucket: Bucket, now: float, rate: float, seconds: float) -> Counter[Verdict]:
    """Have requests come, evenly; what has become of them."""
    loop, verdicts, waiting = asyncio.get_running_loop(), Counter[Verdict](), []
    began, number = loop.time(), 0
    while number < rate * seconds:
        for _ in range(round(min(loop.time() - began, seconds) * rate) - number):
            number += 1
            verdict = bucket.spend(now)
            if verdict is PENDING:
                waiting.append(asyncio.create_task(quotas.settle(bucket)))
            else:
                verdicts[verdict] += 1
        await asyncio.sleep(_TICK_SECONDS)
    verdicts.update(await asyncio.gather(*waiting))
    return verdicts


async def work(url: str, processes: int, patience: float) -> None:
    """Admit, as told on standard input."""
    lost: list[bytes] = []
    clock, settings = Now(), load(EdgeSettings, {"RATE_LIMIT_USER": "100/60"})
    with heard(lambda line: lost.append(line) if b"redis tier bypassed" in line else None):
        async with build_cache(url, 100, kinds=(), longest_life=600) as cache:
            assert cache.redis is not None
            ledger = QuotaLedger(cache.redis, cache.keys)
            async with Quotas(settings, ledger, processes, clock=clock, patience=patience) as quotas:
                await until(cache, up=True)
                assert quotas.user is not None
                bucket = quotas.user.bucket(SUBJECT)
                print("ready", flush=True)  # noqa: T201 - the test waits for it
                while line := await asyncio.to_thread(sys.stdin.readline):
                    rate, seconds, clock.at = map(float, line.split())
                    counted = await offer(quotas, bucket, clock.at, rate, seconds)
                    print(counted[Verdict.ADMITTED], counted[Verdict.REFUSED], flush=True)  # noqa: T201
    print("disturbed" if lost else "undisturbed", flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
