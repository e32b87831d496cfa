"""A redis-server of the benchmark's own, which writes nothing to disk."""

import asyncio
import shutil
import sys
from collections.abc import Set as AbstractSet
from pathlib import Path

from benchmarks.common.ports import LOCAL, free_port
from benchmarks.common.process import CannotRun, Process

NAME = "redis"


def redis_server(folder: Path, cores: AbstractSet[int] = frozenset()) -> Process:
    """One that has not been started; the server beside this Python, else the one on ``PATH``.

    Raises:
        CannotRun: there is none.
    """
    beside = Path(sys.executable).with_name("redis-server")
    program = str(beside) if beside.exists() else shutil.which("redis-server")
    if program is None:
        raise CannotRun("There is no redis-server, neither beside this Python nor on PATH.")
    port = free_port()
    own = ("--port", str(port), "--bind", LOCAL, "--save", "", "--dir", str(folder))
    redis = Process(NAME, (program, *own), {}, port, folder, cores=cores)
    redis.question, redis.answer = b"PING\r\n", b"+PONG"
    return redis


async def empty(port: int) -> None:
    """Delete everything that the redis-server on ``port`` has."""
    reader, writer = await asyncio.open_connection(LOCAL, port)
    try:
        writer.write(b"FLUSHALL\r\n")
        if await reader.readline() != b"+OK\r\n":
            raise CannotRun("Redis cannot be emptied.")
    finally:
        writer.close()
