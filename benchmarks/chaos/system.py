"""The system under test: three services, Redis and the gateway with two workers, as real processes.

Between the gateway and each of the others stands a proxy. Everything has a free port of its own and temporary data.
"""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.chaos.proxy import Proxy
from benchmarks.chaos.refusal import refuse_http, refuse_redis
from benchmarks.chaos.running import Running
from benchmarks.common import redis
from benchmarks.common.ports import LOCAL, free_port
from benchmarks.common.process import Process

SERVICES: Final = ("users", "orders", "products")
REDIS: Final = redis.NAME

SETTINGS: Final[Mapping[str, str]] = {
    "WORKERS": "2",
    "LOG_LEVEL": "warning",
    # The times of cache and breaker are shorter than in earnest, so that seconds show what minutes would.
    "CACHE_TTL_SECONDS": "2",
    "CACHE_STALE_SECONDS": "60",
    "BREAKER_WINDOW_SECONDS": "2",
    "BREAKER_OPEN_SECONDS": "1",
    "BREAKER_OPEN_MAX_SECONDS": "2",
}

_SERVICE_DELAY: Final = 0.4
"""Seconds; long, but within ``ATTEMPT_TIMEOUT_SECONDS``."""
_REDIS_DELAY: Final = 0.3
"""Seconds; more than the gateway waits for Redis."""


class System(Running):
    """Running inside the context.

    Attributes:
        settings: what the gateway is told beyond addresses.
        gateway: the process that clients talk to.
        servers: what stands behind it, by name: the services and Redis.
        proxies: the way from the gateway to each of these.
    """

    def __init__(self, folder: Path) -> None:
        """``folder`` takes data and logs, and is left to the caller.

        Raises:
            CannotRun: without a redis-server.
        """
        super().__init__()
        self.settings = SETTINGS
        self._folder = folder
        self.servers = {name: self._service(name) for name in SERVICES} | {REDIS: redis.redis_server(folder)}
        self.proxies = {
            name: Proxy(server.port, refuse_redis, _REDIS_DELAY)
            if name == REDIS
            else Proxy(server.port, refuse_http, _SERVICE_DELAY)
            for name, server in self.servers.items()
        }
        ways = {f"{name[:-1].upper()}_SERVICE_URL": f"http://{LOCAL}:{self.proxies[name].port}" for name in SERVICES}
        ways["REDIS_URL"] = f"redis://{LOCAL}:{self.proxies[REDIS].port}/0"
        self.gateway = self._program("gateway", "bff", **ways, **SETTINGS)

    async def _start(self) -> None:
        for proxy in self.proxies.values():
            self._ending.callback(proxy.end)
            await proxy.open()
        for process in (*self.servers.values(), self.gateway):
            self._ending.push_async_callback(process.end)
        async with asyncio.TaskGroup() as starting:
            for process in (*self.servers.values(), self.gateway):
                starting.create_task(process.start())

    async def kill(self, name: str) -> None:
        """Let a server die; connections to it are refused from now on."""
        self.proxies[name].close()
        await self.servers[name].kill()

    async def revive(self, name: str) -> None:
        """Start it again, and wait until it is ready."""
        await self.servers[name].start()
        await self.proxies[name].open()

    def _service(self, name: str) -> Process:
        return self._program(name, f"services.{name}", DATABASE_URL=f"sqlite:///{self._folder / name}.db")

    def _program(self, name: str, module: str, **environment: str) -> Process:
        port = free_port()
        command = (sys.executable, "-m", module)
        return Process(name, command, {"LOG_LEVEL": "warning", "PORT": str(port)} | environment, port, self._folder)
