"""A redis-server of the benchmark's own, which writes nothing to disk."""

import asyncio
import shutil
import sys
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from benchmarks.common.place import HERE, Place
from benchmarks.common.ports import LOCAL, free_port
from benchmarks.common.process import CannotRun, Process

NAME = "redis"


def redis_server(
    folder: Path,
    cores: AbstractSet[int] = frozenset(),
    *,
    name: str = NAME,
    place: Place = HERE,
    port: int | None = None,
    arguments: Sequence[str] = (),
) -> Process:
    """One that has not been started; the server beside this Python, else the one on ``PATH``.

    Without a ``port`` it has a free one; what stands in ``arguments`` comes first, as the name of its file must.

    Raises:
        CannotRun: there is none.
    """
    beside = Path(sys.executable).with_name("redis-server")
    program = str(beside) if beside.exists() else shutil.which("redis-server")
    if program is None:
        raise CannotRun("There is no redis-server, neither beside this Python nor on PATH.")
    port = port or free_port()
    addresses = dict.fromkeys((place.address, LOCAL))  # Sentinels call others from the first
    own = ("--port", str(port), "--bind", *addresses, "--protected-mode", "no", "--save", "", "--dir", str(folder))
    redis = Process(name, (program, *arguments, *own), {}, port, folder, cores=cores, place=place)
    redis.question, redis.answer = b"PING\r\n", b"+PONG"
    return redis


async def empty(port: int) -> None:
    """Delete everything that the redis-server on ``port`` has."""
    if await ask(port, "FLUSHALL") != b"+OK":
        raise CannotRun("Redis cannot be emptied.")


async def info(port: int, section: str) -> dict[str, str]:
    """A section of what the redis-server on ``port`` tells of itself."""
    lines = (await ask(port, f"INFO {section}")).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


async def ask(port: int, command: str) -> bytes:
    """The first line of the answer, or the whole of a string, to a command without spaces in its arguments."""
    reader, writer = await asyncio.open_connection(LOCAL, port)
    try:
        writer.write(f"{command}\r\n".encode())
        first = (await reader.readline()).rstrip()
        return await reader.readexactly(int(first[1:])) if first.startswith(b"$") else first
    finally:
        writer.close()
