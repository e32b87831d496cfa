"""The same requests, one by one and at their time, to real gateways with a real Redis, and what they found there."""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.common import people, redis
from benchmarks.common.client import BrokenAnswer, Client, NoAnswer
from benchmarks.common.kinds import Kind, kind_of
from benchmarks.common.ports import LOCAL, free_port
from benchmarks.common.process import CannotRun, Process
from benchmarks.common.services import Services
from benchmarks.scale.inputs import Inputs
from benchmarks.scale.listener import Listener
from benchmarks.scale.traffic import Request, basket, traffic

_SETTLE_SECONDS: Final = 0.5
_FAILED: Final = "failed"
_EARLY: Final = b"cache_early_refreshes_total "


@dataclass(frozen=True)
class Stage:
    """Gateways of one process each, with their clients, over one Redis and services that know every user."""

    gateways: list[Process]
    clients: list[Client]
    store: Process
    services: Services


@asynccontextmanager
async def stage(inputs: Inputs, processes: int) -> AsyncIterator[Stage]:
    """Everything running.

    Raises:
        CannotRun: something does not.
    """
    async with AsyncExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="scale-", ignore_cleanup_errors=True)))
        services = await ending.enter_async_context(Services())
        services["orders"].body = lambda path, _body: _orders(inputs, path)
        store = redis.redis_server(folder)
        ending.push_async_callback(store.end)
        await store.start()
        settings = {
            **services.addresses,
            "REDIS_URL": f"redis://{LOCAL}:{store.port}/0",
            "LOG_LEVEL": "warning",
            "REQUEST_BUDGET_SECONDS": "20",  # a machine that stands still is no service that does not answer
            "ATTEMPT_TIMEOUT_SECONDS": "10",
            "CACHE_TTL_SECONDS": f"{inputs.ttl:.0f}",
            "CACHE_STALE_SECONDS": f"{inputs.stale:.0f}",
            "CACHE_MEMORY_ENTRIES": str(inputs.entries),
        }
        gateways: list[Process] = []
        clients: list[Client] = []
        for number in range(processes):
            port = free_port()
            command = (sys.executable, "-m", "bff")
            gateway = Process(f"gateway-{number}", command, {**settings, "PORT": str(port)}, port, folder)
            ending.push_async_callback(gateway.end)
            await gateway.start()
            gateways.append(gateway)
            clients.append(Client(port))
            ending.callback(clients[-1].close)
        yield Stage(gateways, clients, store, services)


async def found(inputs: Inputs, processes: int, *, warm: float, seconds: float) -> Mapping[str, float]:
    """What is counted of ``seconds`` of traffic, after ``warm`` ones, under the names of ``law.Law.seen``.

    Raises:
        CannotRun: something does not run, or an answer is no 200.
    """
    async with stage(inputs, processes) as at, Listener(at.store.port) as listener:
        loop = asyncio.get_running_loop()
        kinds: Counter[str] = Counter()

        async def ask(request: Request) -> None:
            kind = await _asked(at.clients[request.process], request.subject)
            if request.at >= warm or kind == _FAILED:
                kinds[kind] += 1

        before: Mapping[str, float] = {}
        begun = loop.time()
        async with asyncio.TaskGroup() as asking:
            for request in traffic(inputs, processes, warm + seconds):
                await asyncio.sleep(max(0.0, begun + request.at - loop.time()))
                if not before and request.at >= warm:
                    before = await _counts(at, listener)
                asking.create_task(ask(request))
        if kinds[_FAILED]:
            raise CannotRun(f"{kinds[_FAILED]} answers were none, or not complete.")
        await asyncio.sleep(_SETTLE_SECONDS)  # what nobody waits for
        after = await _counts(at, listener)
        return {**{name: after[name] - before[name] for name in after}, **kinds, "requests": kinds.total()}


def path(subject: int) -> str:
    """Where the profile of a subject is."""
    return f"/api/profile/{subject}"


def _orders(inputs: Inputs, of: str) -> bytes:
    user_id = of.rpartition("/")[2]
    subject = int(user_id) if user_id.isdigit() else 0
    return people.orders(user_id, [f"prod{number}" for number in basket(inputs, subject)])


async def _asked(client: Client, subject: int) -> str:
    """In which tier the profile was found."""
    try:
        answer = await client.get(path(subject))
    except (NoAnswer, BrokenAnswer, OSError):
        return _FAILED
    if kind_of(answer, str(subject)) is not Kind.COMPLETE:
        return _FAILED
    status = answer.headers["cache-status"]
    if "redis; hit" in status:
        return "redis"
    return "memory" if "; hit" in status or "collapsed" in status else "loads"


async def _counts(at: Stage, listener: Listener) -> Mapping[str, float]:
    commands = await redis.info(at.store.port, "commandstats")
    stats = await redis.info(at.store.port, "stats")
    metrics = [(await client.get("/metrics")).content for client in at.clients]
    return {
        "user": at.services["users"].asked,
        "orders": at.services["orders"].asked,
        "products": at.services["products"].asked,
        "commands": sum(_calls(commands, name) for name in ("set", "get", "unlink")),
        "changes": listener.keys - int(stats["expired_keys"]),
        "early": sum(
            float(line.split()[1]) for page in metrics for line in page.splitlines() if line.startswith(_EARLY)
        ),
    }


def _calls(commands: Mapping[str, str], name: str) -> int:
    return int(commands.get(f"cmdstat_{name}", "calls=0,").partition("=")[2].partition(",")[0])
