"""What becomes of Redis, each a context: inside it Redis is away, and at its end it is there again."""

import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import MappingProxyType
from typing import Final

from benchmarks.freshness.stage import Stage

Fault = Callable[[Stage], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def stopped(stage: Stage) -> AsyncIterator[None]:
    """SIGSTOP, then SIGCONT: what was sent meanwhile is done then."""
    stage.redis.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        stage.redis.signal(signal.SIGCONT)


@asynccontextmanager
async def killed(stage: Stage) -> AsyncIterator[None]:
    """SIGKILL, then a start with all that it had."""
    await stage.redis.kill()
    yield
    await stage.redis.start()


@asynccontextmanager
async def emptied(stage: Stage) -> AsyncIterator[None]:
    """SIGKILL, then a start with nothing."""
    await stage.redis.kill()
    stage.forget()
    yield
    await stage.redis.start()


FAULTS: Final[Mapping[str, Fault]] = MappingProxyType({"stopped": stopped, "killed": killed, "emptied": emptied})
