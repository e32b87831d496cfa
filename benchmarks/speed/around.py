"""What is around a server that is measured (processors, services, Redis, an issuer), and that server itself."""

import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from benchmarks.common import redis
from benchmarks.common.issuer import Issuer
from benchmarks.common.ports import LOCAL, free_port
from benchmarks.common.process import Process
from benchmarks.common.services import Services
from benchmarks.speed.cores import place
from benchmarks.speed.measurement import Bench
from benchmarks.speed.targets import Target


@asynccontextmanager
async def around(workers: int = 1) -> AsyncIterator[Bench]:
    """Everything but the server, of so many workers, running; this process keeps to the processors of the load.

    Raises:
        CannotRun: a program is missing, or does not get ready.
    """
    cores = os.sched_getaffinity(0)
    async with AsyncExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="speed-", ignore_cleanup_errors=True)))
        placement = place(cores, workers)
        os.sched_setaffinity(0, placement.load)
        ending.callback(os.sched_setaffinity, 0, cores)
        services = await ending.enter_async_context(Services())
        store = redis.redis_server(folder, placement.load)
        ending.push_async_callback(store.end)
        await store.start()
        issuer = Issuer()
        issuer.publish(folder)
        yield Bench(services, store, issuer, placement, folder)


@asynccontextmanager
async def served(target: Target, bench: Bench) -> AsyncIterator[Process]:
    """The server, running, with services that are up and an empty Redis.

    Raises:
        CannotRun: it does not get ready.
    """
    await redis.empty(bench.redis.port)
    await bench.services.open()
    server = _server(target, bench)
    try:
        await server.start()
        yield server
    finally:
        await server.end()
        server.log.unlink(missing_ok=True)  # a line a request is much


def _server(target: Target, bench: Bench) -> Process:
    port = free_port()
    ways = {**bench.services.addresses, "REDIS_URL": f"redis://{LOCAL}:{bench.redis.port}/0", "PORT": str(port)}
    server = Process(
        target.command[-1].rpartition(".")[2],
        (sys.executable, "-m", *target.command),
        {**ways, **target.settings},
        port,
        bench.folder,
        cores=bench.placement.gateway,
    )
    server.question = f"GET {target.question} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    return server
