"""A gateway of one worker on a processor of its own, Redis, and services in this process that answer at once."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from benchmarks.common import people, redis, usage
from benchmarks.common.client import Client
from benchmarks.common.ports import LOCAL, free_port
from benchmarks.common.process import CannotRun, Process
from benchmarks.common.services import Services
from benchmarks.speed.cores import place

_TOKEN: Final = "benchmark-admin-token-of-this-run"  # noqa: S105 - it guards nothing
_MANY: Final = "100000"
_AT_ONCE: Final = 16
_ATTEMPTS: Final = 10
_SETTINGS: Final = {
    "LOG_LEVEL": "warning",
    "ADMIN_TOKEN": _TOKEN,
    "REQUEST_BUDGET_SECONDS": "20",  # a machine that stands still is no service that does not answer
    "ATTEMPT_TIMEOUT_SECONDS": "10",
    "CACHE_TTL_SECONDS": "300",
    "MAX_CONNECTIONS": _MANY,
    "STREAMS_MAX": _MANY,
    "STREAMS_PER_SUBJECT": _MANY,
    "STREAM_SECONDS": "86400",
}


@dataclass
class Stage:
    """Everything that runs.

    Attributes:
        newest: what everybody is called, from now on, for those who ask again.
        cores: those of the gateway.
    """

    gateway: Process
    client: Client
    services: Services
    folder: Path
    newest: str = ""
    cores: frozenset[int] = frozenset()
    _renamed: int = 0

    @property
    def cpu(self) -> float:
        """Seconds of a processor that the gateway has had."""
        return usage.cpu_seconds(usage.tree(self.gateway.pid))

    @property
    def kib(self) -> float:
        """Memory of the gateway."""
        return usage.memory_mib(usage.tree(self.gateway.pid)) * 1024

    async def ask(self, paths: Iterable[str]) -> None:
        """Let the gateway know the answers to these.

        Raises:
            CannotRun: there is none.
        """
        waiting = iter(paths)

        async def ask_on() -> None:
            for path in waiting:
                if (await self.client.get(path)).status != 200:
                    raise CannotRun(f"There is no answer for {path}.")

        await asyncio.gather(*(ask_on() for _ in range(_AT_ONCE)))

    async def purge(self, tag: str) -> None:
        """Outdate everything with this tag; again where Redis did not answer in time, on a machine that stood still.

        Raises:
            CannotRun: it is refused.
        """
        for _ in range(_ATTEMPTS):
            answer = await self.client.ask("DELETE", f"/api/cache/tags/{tag}", {"Authorization": f"Bearer {_TOKEN}"})
            if answer.status == 204:
                return
        raise CannotRun(f"A purge is answered with {answer.status}.")

    def rename(self, letters: int = 0) -> None:
        """Call everybody something that nobody was called before, with so many ``letters`` more."""
        self._renamed += 1
        self.newest = f"Name-{self._renamed}-" + "x" * letters

    def user(self, path: str, _body: bytes) -> bytes:
        """A user as the service sends it now."""
        return people.user(path.rpartition("/")[2]).replace(b"Maria", self.newest.encode() or b"Maria", 1)


@asynccontextmanager
async def stage(settings: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[Stage]:
    """Everything running, the gateway with further ``settings``.

    This process keeps off the gateway's processor, if there is another.

    Raises:
        CannotRun: something does not.
    """
    cores = os.sched_getaffinity(0)
    async with AsyncExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="streams-", ignore_cleanup_errors=True)))
        placement = place(cores, workers=1)
        os.sched_setaffinity(0, placement.load)
        ending.callback(os.sched_setaffinity, 0, cores)
        services = await ending.enter_async_context(Services())
        store = redis.redis_server(folder, placement.load)
        ending.push_async_callback(store.end)
        await store.start()
        port = free_port()
        ways = {**services.addresses, "REDIS_URL": f"redis://{LOCAL}:{store.port}/0", "PORT": str(port)}
        command = (sys.executable, "-m", "bff")
        gateway = Process("gateway", command, {**_SETTINGS, **settings, **ways}, port, folder, cores=placement.gateway)
        ending.push_async_callback(gateway.end)
        await gateway.start()
        client = Client(port)
        ending.callback(client.close)
        made = Stage(gateway, client, services, folder, cores=placement.gateway)
        services["users"].body = made.user
        yield made


@asynccontextmanager
async def floor(at: Stage) -> AsyncIterator[tuple[Process, Client]]:
    """A bare server in the gateway's place, beside it, and a client of it.

    Raises:
        CannotRun: it does not get ready.
    """
    port = free_port()
    command = (sys.executable, "-m", "benchmarks.streams.floor")
    server, client = Process("floor", command, {"PORT": str(port)}, port, at.folder, cores=at.cores), Client(port)
    try:
        await server.start()
        yield server, client
    finally:
        client.close()
        await server.end()


def path(user_id: str) -> str:
    """Where the profile of a user is."""
    return f"/api/profile/{user_id}"
