"""The faults, each a context: inside it something is wrong, and at its end it has been put right."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.chaos.proxy import Mode
from benchmarks.chaos.system import REDIS, SERVICES, System

Inject = Callable[[System], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong; ``in_short`` ones are part of the short form."""

    name: str
    inject: Inject
    in_short: bool = False


@asynccontextmanager
async def _nothing(_system: System) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def _killed(system: System, *, names: tuple[str, ...]) -> AsyncIterator[None]:
    await asyncio.gather(*(system.kill(name) for name in names))
    yield
    await asyncio.gather(*(system.revive(name) for name in names))


@asynccontextmanager
async def _stopped(system: System, *, name: str) -> AsyncIterator[None]:
    system.servers[name].signal(signal.SIGSTOP)
    yield
    system.servers[name].signal(signal.SIGCONT)


@asynccontextmanager
async def _turned(system: System, *, name: str, mode: Mode) -> AsyncIterator[None]:
    system.proxies[name].turn(mode)
    yield
    system.proxies[name].turn(Mode.PASS)


@asynccontextmanager
async def _worker_killed(system: System) -> AsyncIterator[None]:
    os.kill(system.gateway.children()[0], signal.SIGKILL)
    yield
    while len(system.gateway.children()) < int(system.settings["WORKERS"]):  # noqa: ASYNC110 - the kernel tells nobody
        await asyncio.sleep(0.02)


def _of(name: str, *, in_short: tuple[str, ...] = ()) -> list[Fault]:
    ways: dict[str, Inject] = {
        "kill": partial(_killed, names=(name,)),
        "stop": partial(_stopped, name=name),
        "slow": partial(_turned, name=name, mode=Mode.SLOW),
        "error": partial(_turned, name=name, mode=Mode.ERROR),
        "reset": partial(_turned, name=name, mode=Mode.RESET),
        "hang": partial(_turned, name=name, mode=Mode.HANG),
    }
    return [Fault(f"{name}-{way}", inject, way in in_short) for way, inject in ways.items()]


HEALTHY: Final = Fault("healthy", _nothing, in_short=True)
"""Comes first; what the others cost is measured by it."""

FAULTS: Final = (
    *_of("users", in_short=("kill",)),
    *_of("orders", in_short=("kill", "stop")),
    *_of("products", in_short=("kill", "error")),
    Fault("services-kill", partial(_killed, names=SERVICES)),
    *_of(REDIS, in_short=("kill", "stop")),
    Fault("worker-kill", _worker_killed, in_short=True),
)
