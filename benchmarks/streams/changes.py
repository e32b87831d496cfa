"""How soon everybody who looks has a change, what that costs, and what those who do not read cost others."""

import asyncio
from collections.abc import Sequence
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

from benchmarks.common import usage
from benchmarks.common.client import Client
from benchmarks.common.process import Process
from benchmarks.streams.audience import Audience, Reader, there
from benchmarks.streams.figures import Figure
from benchmarks.streams.plan import Plan
from benchmarks.streams.stage import Stage, floor, path, stage

_USER: Final = "user1"
_QUIET_SECONDS: Final = 1.1
"""A change that comes sooner after another is told a second after that."""
_AFTER_SECONDS: Final = 0.1
_ASLEEP: Final = 0.02
_LARGE: Final = 40_000
"""Letters of a name that fills the buffers of those who do not read within a few changes."""
_FILLING: Final = 5
_MOST_MS: Final = 100.0
_MOST_US: Final = 10.0
_MOST_RATIO: Final = 1.25
_MOST_FLOORS: Final = 1.5


class _Told(NamedTuple):
    """Of a change: seconds until the last client had it, seconds of the processor for it, and its bytes."""

    last: float
    cpu: float
    size: int


async def figures(plan: Plan) -> Sequence[Figure]:
    """Of streams of one user.

    Raises:
        CannotRun: a stream is refused, or ends, or a change does not come.
    """
    async with stage() as at, Audience(at.gateway.port) as audience:
        await audience.join([path(_USER)])
        single = await _changes(at, audience, audience.members, plan.changes)
        asleep = max(1, round(plan.streams * _ASLEEP))
        await audience.join([path(_USER)] * asleep, narrow=True)
        await audience.join([path(_USER)] * (plan.streams - asleep - 1))
        async with floor(at) as (bare, client), Audience(bare.port) as others:
            await others.join(["/"] * plan.streams)
            every, floors = list[_Told](), list[float]()
            for _ in range(plan.changes):
                every.append(await _change(at, audience, audience.members, large=False))
                floors.append(await _bare(bare, client, others, every[-1].size) / plan.streams)
        each = (_cpu(every) - _cpu(single)) / (plan.streams - 1)
        figure = f"{plan.streams:,} streams of one user, a change of {every[-1].size:,} bytes"
        found = (
            Figure(f"{figure}: from the purge to the last client, median", _last(every) * 1e3, "ms", _MOST_MS),
            Figure(f"{figure}: … the slowest", max(told.last for told in every) * 1e3, "ms"),
            Figure(f"{figure}: processor for each client", each * 1e6, "µs", _MOST_US),
            Figure(f"{figure}: … of which the floor takes", median(floors) * 1e6, "µs"),
            Figure(f"{figure}: … as a multiple of the floor", each / median(floors), "times", _MOST_FLOORS),
            Figure(f"{figure}: processor for the change itself", _cpu(single) * 1e6, "µs"),
        )
        return *found, *await _beside_sleepers(at, audience, asleep, plan)


async def _beside_sleepers(at: Stage, audience: Audience, count: int, plan: Plan) -> Sequence[Figure]:
    """Some do not read, till the gateway holds back what is for them; then the others are told as before."""
    asleep = audience.members[1 : count + 1]
    awake = [audience.members[0], *audience.members[count + 1 :]]
    before = await _changes(at, audience, awake, plan.changes, large=True)
    memory, read = at.kib, (asleep[0].bytes, awake[0].bytes)
    for member in asleep:
        member.sleep()
    await _changes(at, audience, awake, _FILLING, large=True)
    beside = await _changes(at, audience, awake, plan.changes, large=True)
    held = at.kib - memory
    missing = audience.expect(at.newest.encode(), asleep)
    for member in asleep:
        member.wake()
    await audience.told(missing)
    share = (asleep[0].bytes - read[0]) / (awake[0].bytes - read[1])
    figure = f"{count} of them do not read, changes of {beside[-1].size:,} bytes"
    return (
        Figure(f"{figure}: the others' last client, median", _last(beside) * 1e3, "ms"),
        Figure(f"{figure}: … as a multiple of that before", _last(beside) / _last(before), "times", _MOST_RATIO),
        Figure(f"{figure}: processor, as a multiple of that before", _cpu(beside) / _cpu(before), "times", _MOST_RATIO),
        Figure(f"{figure}: memory for each that does not read", held / count, "KiB"),
        Figure(f"{figure}: share of the others' bytes that they are sent", share, ""),
        Figure(f"{figure}: streams lost", plan.streams - there(audience.members), "", 0, rough=False),
    )


async def _changes(
    at: Stage, audience: Audience, members: Sequence[Reader], times: int, *, large: bool = False
) -> Sequence[_Told]:
    return [await _change(at, audience, members, large=large) for _ in range(times)]


async def _change(at: Stage, audience: Audience, members: Sequence[Reader], *, large: bool) -> _Told:
    """Call the user something else, say so, and wait until all ``members`` know."""
    await asyncio.sleep(_QUIET_SECONDS)
    at.rename(_LARGE if large else 0)
    before, begun = at.cpu, perf_counter()
    last = audience.expect(at.newest.encode(), members)
    await at.purge(f"user:{_USER}")
    told = await audience.told(last)
    await asyncio.sleep(_AFTER_SECONDS)
    return _Told(told - begun, at.cpu - before, audience.last_size)


async def _bare(server: Process, client: Client, audience: Audience, size: int) -> float:
    """Seconds of the processor that the floor takes for a change of so many bytes, for all together."""
    await asyncio.sleep(_AFTER_SECONDS)
    before = usage.cpu_seconds((server.pid,))
    last = audience.expect(b"event: complete", audience.members)
    await client.ask("DELETE", f"/bytes/{size}")
    await audience.told(last)
    await asyncio.sleep(_AFTER_SECONDS)
    return usage.cpu_seconds((server.pid,)) - before


def _last(told: Sequence[_Told]) -> float:
    return median(one.last for one in told)


def _cpu(told: Sequence[_Told]) -> float:
    return median(one.cpu for one in told)
