"""What the model's costs are on this machine: processor time by the kernel's clocks, bytes as Redis has them."""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack
from itertools import islice
from statistics import mean
from typing import Final, NamedTuple

from benchmarks.common import redis, usage
from benchmarks.common.client import Client
from benchmarks.common.ports import LOCAL
from benchmarks.scale.inputs import Inputs
from benchmarks.scale.listener import PREFIX, Listener
from benchmarks.scale.trial import Stage, path, stage

PROFILES: Final = 1_500
PRODUCTS: Final = 100
_AT_ONCE: Final = 32
_KEYS: Final = 40_000
_IN_A_WRITE: Final = 40
_LISTENERS: Final = 32
_TIMES: Final = 5
_COMMANDS: Final = 4
"""For a hit in Redis."""
_SETTLE_SECONDS: Final = 1.0
_MICRO: Final = 1e6
_KINDS: Final = {"aggregate": "aggregate.profile", "user": "user", "orders": "orders", "product": "products"}


async def prices() -> Mapping[str, float]:
    """Costs under their names in ``inputs.Costs``.

    ``heard`` is how often each process was told of a change; ``profile`` bytes of Redis for a profile and its parts.

    Raises:
        CannotRun: something does not run.
    """
    # Nothing expires, and what the first gateway has loaded the second one finds in Redis.
    async with stage(Inputs(ttl=300, products=PRODUCTS), 2) as at:
        first, second = at.clients
        empty = await _used(at.store.port)
        await _ask_all(first)
        filled = await _used(at.store.port)
        in_redis = await _spent(at, _ask_all(second))
        in_memory = await _spent(at, _ask_all(second, _TIMES))
        sizes = {kind: await _size(at.store.port, name) for kind, name in _KINDS.items()}
        alone = await _spent(at, _write(at.store.port))
        async with AsyncExitStack() as ending:
            listeners = [await ending.enter_async_context(Listener(at.store.port)) for _ in range(_LISTENERS)]
            told = await _spent(at, _write(at.store.port))
            bytes_, keys = (
                mean(counted) / _KEYS for counted in zip(*((one.bytes, one.keys) for one in listeners), strict=True)
            )
    return {
        **sizes,
        "profile": (filled - empty) / PROFILES,
        "look": (in_redis.gateway - in_memory.gateway / _TIMES) / PROFILES * _MICRO,
        "announcement": alone.gateway / _KEYS * _MICRO,
        "command": in_redis.store / PROFILES / _COMMANDS * _MICRO,
        "telling": (told.store - alone.store) / _KEYS / _LISTENERS * _MICRO,
        "announced": bytes_,
        "heard": keys,
    }


class _Spent(NamedTuple):
    """Seconds of a processor, of the second gateway and of Redis."""

    gateway: float
    store: float


async def _spent(at: Stage, work: Awaitable[None]) -> _Spent:
    pids = at.gateways[1].pid, at.store.pid
    before = [usage.cpu_seconds(usage.tree(pid)) for pid in pids]
    await work
    await asyncio.sleep(_SETTLE_SECONDS)
    after = [usage.cpu_seconds(usage.tree(pid)) for pid in pids]
    return _Spent(*(end - begin for begin, end in zip(before, after, strict=True)))


async def _ask_all(client: Client, times: int = 1) -> None:
    paths = iter([path(subject) for _ in range(times) for subject in range(PROFILES)])

    async def ask_on() -> None:
        for one in paths:
            await client.get(one)

    await asyncio.gather(*(ask_on() for _ in range(_AT_ONCE)))


async def _write(port: int) -> None:
    """Change keys that look like a gateway's, a few in one go, as gateways under load do."""
    reader, writer = await asyncio.open_connection(LOCAL, port)
    names = iter(range(_KEYS))
    while some := list(islice(names, _IN_A_WRITE)):
        writer.write(
            b"".join(b"SET %baggregate.profile:00000000:{user%d} 1 PX 600000\r\n" % (PREFIX, name) for name in some)
        )
        for _ in some:
            await reader.readline()
    writer.close()


async def _used(port: int) -> int:
    return int((await redis.info(port, "memory"))["used_memory"])


async def _size(port: int, kind: str) -> float:
    """Bytes of an entry, its key included, on average."""
    reader, writer = await asyncio.open_connection(LOCAL, port)
    writer.write(b"KEYS %b%b:*\r\n" % (PREFIX, kind.encode()))
    keys = []
    for _ in range(int((await reader.readline())[1:])):
        await reader.readline()
        keys.append((await reader.readline()).strip().decode())
    writer.close()
    return mean([int((await redis.ask(port, f"MEMORY USAGE {key}"))[1:]) for key in keys[:100]])
