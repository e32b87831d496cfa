"""The system under test: the gateway with two workers and Redis as real processes, the services in this one."""

import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.chaos.hostile import meddling
from benchmarks.chaos.hostile.asked import SERVICES
from benchmarks.chaos.hostile.draw import dice
from benchmarks.chaos.hostile.failures import Failures
from benchmarks.chaos.hostile.garbage import ORIGIN
from benchmarks.chaos.hostile.honest import ADMIN_TOKEN
from benchmarks.chaos.hostile.link import RedisLink
from benchmarks.chaos.hostile.service import Service
from benchmarks.chaos.hostile.spells import Weather
from benchmarks.chaos.hostile.watch import Bounds
from benchmarks.common.issuer import SETTINGS as SETTINGS_OF_ISSUER
from benchmarks.common.issuer import Issuer
from benchmarks.common.ports import LOCAL, free_port
from benchmarks.common.process import Process
from benchmarks.common.redis import redis_server

TTL_SECONDS: Final = 2
STALE_SECONDS: Final = 20
_WORKERS: Final = 2
_ENTRIES: Final = 600
_MEGABYTES: Final = 16
_CONNECTIONS: Final = 500

SETTINGS: Final[Mapping[str, str]] = {
    "WORKERS": str(_WORKERS),
    "LOG_LEVEL": "info",
    "ADMIN_TOKEN": ADMIN_TOKEN,
    # Lives are short, so that all is loaded again and again, and bounds are small, so that what grows is seen.
    "CACHE_TTL_SECONDS": str(TTL_SECONDS),
    "CACHE_STALE_SECONDS": str(STALE_SECONDS),
    "CACHE_NEGATIVE_TTL_SECONDS": "1",
    "CACHE_THROTTLE_SECONDS": "0.2",
    "CACHE_MEMORY_ENTRIES": str(_ENTRIES),
    "CACHE_MEMORY_MB": str(_MEGABYTES),
    "PRODUCTS_MAX": "200",
    "MAX_CONNECTIONS": str(_CONNECTIONS),
    "MAX_REQUESTS_IN_FLIGHT": "400",
    "UPSTREAM_CONCURRENCY": "60",
    "REQUEST_BUDGET_SECONDS": "1.5",
    "ATTEMPT_TIMEOUT_SECONDS": "0.4",
    "BREAKER_WINDOW_SECONDS": "1",
    "BREAKER_OPEN_SECONDS": "0.2",
    "BREAKER_OPEN_MAX_SECONDS": "0.5",
}

GUARDED: Final[Mapping[str, str]] = {
    **SETTINGS_OF_ISSUER,
    "CORS_ORIGINS": ORIGIN,
    "TRUSTED_PROXIES": LOCAL,
    # So many that nobody honest gets there.
    "RATE_LIMIT_USER": "400/2",
    "RATE_LIMIT_ADDRESS": "1000000/60",
    "RATE_LIMIT_FAILURES": "100/2",
}
"""Everything of the edge that is off by default."""

BOUNDS: Final = Bounds(
    # What is negative may have a room of its own beside the others.
    entries=_WORKERS * _ENTRIES * 5 // 4,
    cache_bytes=_WORKERS * _MEGABYTES * 1024 * 1024 * 5 // 4,
    descriptors=_CONNECTIONS + 500,
)


@dataclass
class Stage:
    """All that takes part beside the clients.

    Attributes:
        gateway: the process that clients talk to.
        redis: the server, without anything between.
        link: the gateway's way to it.
        services: those in this process.
    """

    gateway: Process
    redis: Process
    link: RedisLink
    services: list[Service]

    async def calm(self) -> None:
        """Undo what faults have left behind: connections that hang, a Redis that takes nothing."""
        await meddling.mend(self.redis.port)
        self.link.hang_up()
        self.hang_up()

    def hang_up(self) -> None:
        """Services end their connections."""
        for service in self.services:
            service.hang_up()


async def stage(
    folder: Path, weather: Weather, failures: Failures, ending: AsyncExitStack, issuer: Issuer | None
) -> Stage:
    """Start everything; ``ending`` ends it. With an ``issuer`` the gateway asks for its tokens.

    Raises:
        CannotRun: without a redis-server, or when the gateway does not get ready.
    """
    seed, journal = failures.seed, failures.journal
    redis = redis_server(folder)
    ending.push_async_callback(redis.end)
    await redis.start()
    link = RedisLink(free_port(), redis.port, dice(seed, "redis"), weather, journal)
    services = [Service(name, dice(seed, name), weather, failures) for name in SERVICES]
    open_ones: list[RedisLink | Service] = [link, *services]
    for one in open_ones:
        ending.push_async_callback(one.close)
        await one.open()
    port = free_port()
    if issuer is not None:
        issuer.publish(folder)
    environment = {
        **SETTINGS,
        **({} if issuer is None else GUARDED),
        **{f"{service.name[:-1].upper()}_SERVICE_URL": service.url for service in services},
        "REDIS_URL": f"redis://{LOCAL}:{link.port}/0",
        "PORT": str(port),
        "PYTHONFAULTHANDLER": "1",  # a worker that has to be aborted says what it was at
        "EARLY_ANSWERS": os.environ.get("EARLY_ANSWERS", "true"),
    }
    gateway = Process("gateway", (sys.executable, "-m", "bff"), environment, port, folder)
    ending.push_async_callback(gateway.end)
    await gateway.start()
    return Stage(gateway, redis, link, services)
