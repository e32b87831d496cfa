"""The system under test: three services, Redis and two gateways, as real processes on free ports."""

import asyncio
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import orjson

from benchmarks.chaos.running import Running
from benchmarks.chaos.system import SERVICES
from benchmarks.common import redis
from benchmarks.common.client import BrokenAnswer, Client, NoAnswer
from benchmarks.common.ports import LOCAL, free_port
from benchmarks.common.process import Process

TTL_SECONDS: Final = 5
GATEWAYS: Final = ("gateway-a", "gateway-b")
ADMIN: Final = {"Authorization": "Bearer an-admin-token-of-the-benchmark"}
TELLER: Final = {"Authorization": "Bearer an-events-token-of-the-benchmark"}
_SETTINGS: Final[Mapping[str, str]] = {
    "ADMIN_TOKEN": ADMIN["Authorization"].removeprefix("Bearer "),
    "EVENTS_TOKEN": TELLER["Authorization"].removeprefix("Bearer "),
    "CACHE_TTL_SECONDS": str(TTL_SECONDS),
    "STREAMS_PER_SUBJECT": "1000",
    "STREAM_SECONDS": "3600",
}
_CLIENT_USES: Final = 10_000
_CONNECTED_SECONDS: Final = 20.0
_LOOK_AGAIN_SECONDS: Final = 0.02
_DATA: Final = "appendonlydir"


class Stage(Running):
    """Running inside the context.

    Attributes:
        redis: the server, which writes down all that it is told before it answers.
        gateways: clients of both; changes are made by the first and looked for in the second.
        services: a client of each service, by name.
    """

    def __init__(self, folder: Path) -> None:
        """``folder`` takes data and logs, and is left to the caller.

        Raises:
            CannotRun: without a redis-server.
        """
        super().__init__()
        self._folder = folder
        # What was answered survives SIGKILL, for the kernel has it by then; waiting for a disk would tell of the disk.
        self.redis = redis.redis_server(folder, arguments=("--appendonly", "yes", "--appendfsync", "no"))
        way = {"REDIS_URL": f"redis://{LOCAL}:{self.redis.port}/0", "EVENTS_STREAM": "bff:events"}
        services = {
            name: self._program(name, f"services.{name}", DATABASE_URL=f"sqlite:///{folder / name}.db", **way)
            for name in SERVICES
        }
        ways = {f"{name[:-1].upper()}_SERVICE_URL": f"http://{LOCAL}:{one.port}" for name, one in services.items()}
        gateways = [self._program(name, "bff", **ways, **way, **_SETTINGS) for name in GATEWAYS]
        self._processes = [*services.values(), *gateways]
        self.gateways = [Client(gateway.port, uses=_CLIENT_USES) for gateway in gateways]
        self.services = {name: Client(service.port, uses=_CLIENT_USES) for name, service in services.items()}

    async def _start(self) -> None:
        for client in (*self.gateways, *self.services.values()):
            self._ending.callback(client.close)
        for process in (self.redis, *self._processes):
            self._ending.push_async_callback(process.end)
        await self.redis.start()
        async with asyncio.TaskGroup() as starting:
            for process in self._processes:
                starting.create_task(process.start())
        await self.connected()

    async def connected(self) -> None:
        """Return when both gateways have Redis, and hear of changes.

        Raises:
            TimeoutError: they do not get there.
        """
        async with asyncio.timeout(_CONNECTED_SECONDS):
            for gateway in self.gateways:
                while not await _is_connected(gateway):  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    def forget(self) -> None:
        """Let Redis, which does not run, have nothing when it starts."""
        shutil.rmtree(self._folder / _DATA, ignore_errors=True)
        for file in self._folder.glob("*.aof"):  # Redis before 7
            file.unlink()

    def _program(self, name: str, module: str, **environment: str) -> Process:
        port = free_port()
        command = (sys.executable, "-m", module)
        return Process(name, command, {"LOG_LEVEL": "warning", "PORT": str(port)} | environment, port, self._folder)


async def _is_connected(gateway: Client) -> bool:
    try:
        answer = await gateway.ask("GET", "/api/cache/stats", ADMIN)
    except (NoAnswer, BrokenAnswer, OSError):
        return False
    if answer.status != 200:
        return False
    tiers = orjson.loads(answer.content)["tiers"]
    return (tiers["redis"]["state"], tiers["memory"]["state"]) == ("up", "coherent")
