"""Whether anything grows beyond its bounds, and whether everything is at rest again in the end."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.chaos.hostile.failures import Failures
from benchmarks.chaos.hostile.reading import Broken
from benchmarks.chaos.hostile.wire import Wire

_SCRAPE_SECONDS: Final = 15.0
_PAUSE_SECONDS: Final = 2.0
_ABORT_SECONDS: Final = 0.5
ABORTED: Final = b"Fatal Python error: Aborted"
"""Begins what a worker says in the end that is aborted."""

_MIB: Final = 1024 * 1024
_sample = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^\n]*\})? ([^ \n]+)$", re.MULTILINE)
_resident = re.compile(r"^VmRSS:\s+([0-9]+) kB", re.MULTILINE)

_AT_REST: Final[Mapping[str, float]] = {
    "http_active_requests": 0,
    "upstream_in_flight": 0,
    "upstream_breaker_state": 0,
    "cache_tier_up": 1,
    "cache_coherent": 1,
}
"""What each series of these says when there is nothing to do and all is well."""


@dataclass(frozen=True)
class Bounds:
    """What may not be exceeded at any time, all workers together.

    Attributes:
        entries: in memory.
        cache_bytes: of entries in memory.
        descriptors: of one worker.
        growth_bytes: by how much a worker's memory may be more in the end than when half of the requests were made;
            allocators keep much of what they once had, so that only what goes on growing is seen.
        resident_bytes: of one worker.
        series: by how many there may be more in the second half.
    """

    entries: int
    cache_bytes: int
    descriptors: int
    growth_bytes: int = 96 * _MIB
    resident_bytes: int = 512 * _MIB
    series: int = 100


@dataclass(frozen=True)
class Look:
    """How it was at one time.

    Attributes:
        figures: of ``/metrics``, by name and labels.
        resident: bytes of each worker.
        descriptors: of each worker.
        connections: clients that the gateway has, this one apart.
    """

    figures: Mapping[str, float]
    resident: Sequence[int]
    descriptors: Sequence[int]
    connections: int

    def total(self, name: str) -> float:
        """All series of this name together."""
        return sum(value for series, value in self.figures.items() if series.partition("{")[0] == name)


@dataclass
class Watch:
    """Looks every two seconds while it runs.

    Attributes:
        port: of the gateway.
        workers: their ids.
        log: of the gateway.
        most: the greatest that was seen of each figure that is bounded.
    """

    port: int
    workers: Sequence[int]
    bounds: Bounds
    failures: Failures
    log: Path
    most: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            look = await self.look()
            if look is not None:
                await self._hold_bounds(look)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def look(self) -> Look | None:
        """How it is now; None when that could not be had, which is a failure."""
        try:
            async with Wire(self.port) as wire:
                await wire.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                heard = await wire.hear(_SCRAPE_SECONDS)
                connections = _established(self.port) - 1
        except (OSError, Broken) as error:
            self.failures.add("no answer", f"/metrics: {error!r}")
            return None
        if heard is None or heard.status != 200:
            if heard is None or heard.status != 503:
                self.failures.add("no answer", "/metrics", head=heard.head if heard else b"")
            return None
        figures = {found[1] + (found[2] or ""): float(found[3]) for found in _sample.finditer(heard.body.decode())}
        resident = [_resident_bytes(worker) for worker in self.workers]
        return Look(figures, resident, [_descriptors(worker) for worker in self.workers], connections)

    def growth(self, half: Look | None, end: Look | None) -> None:
        """Compare the end with the middle of the run."""
        if half is None or end is None:
            return
        for before, after in zip(half.resident, end.resident, strict=True):
            if after - before > self.bounds.growth_bytes:
                self._grew(f"a worker's memory from {before // _MIB} to {after // _MIB} MiB in the second half")
        if len(end.figures) - len(half.figures) > self.bounds.series:
            new = sorted(end.figures.keys() - half.figures.keys())[:10]
            self._grew(f"series from {len(half.figures)} to {len(end.figures)} in the second half: {new}")

    async def rest(self, seconds: float, descriptors: Sequence[int]) -> Look | None:
        """Within ``seconds`` everything is to be at rest, with hardly more ``descriptors`` than at the beginning."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        look: Look | None = None
        while True:
            look = await self.look()
            restless = ["no figures"] if look is None else list(_restless(look, descriptors))
            if not restless:
                return look
            if loop.time() > until:
                for what in restless:
                    self.failures.add("not at rest", f"{what} after {seconds:.0f} s of calm")
                await self._abort()
                return look
            await asyncio.sleep(0.5)

    async def _hold_bounds(self, look: Look) -> None:
        for name, got, bound in (
            ("entries in memory", look.total("cache_memory_entries"), self.bounds.entries),
            ("bytes of entries in memory", look.total("cache_memory_bytes"), self.bounds.cache_bytes),
            ("descriptors of a worker", max(look.descriptors), self.bounds.descriptors),
            ("resident bytes of a worker", max(look.resident), self.bounds.resident_bytes),
        ):
            self.most[name] = max(self.most.get(name, 0), got)
            if got > bound:
                self._grew(f"{got:.0f} {name}, at most {bound} are allowed")
        if max(look.resident) > self.bounds.resident_bytes:
            await self._abort()

    async def _abort(self) -> None:
        """Have the workers say what they are at, which ends them: there is nothing to be held against them any more."""
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGABRT)
        await asyncio.sleep(_ABORT_SECONDS)
        _, found, stacks = self.log.read_bytes().partition(ABORTED)
        if found:
            self.failures.add("a worker was aborted", "what it was at is in the body", body=stacks)

    def _grew(self, what: str) -> None:
        self.failures.add("growth", what)


def _restless(look: Look, descriptors: Sequence[int]) -> Iterator[str]:
    for series, value in look.figures.items():
        wanted = _AT_REST.get(series.partition("{")[0])
        if wanted is not None and value != wanted:
            yield f"{series} is {value:g}"
    if look.connections:
        yield f"{look.connections} connections of clients are open"
    for before, after in zip(descriptors, look.descriptors, strict=True):
        if after > before + 10:
            yield f"a worker has {after} descriptors, and had {before}"


def _established(port: int) -> int:
    """Connections that a server on ``port`` has and has not closed (IPv4)."""
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(int(line[1].rpartition(":")[2], 16) == port and line[3] in {"01", "08"} for line in lines)


def _resident_bytes(pid: int) -> int:
    try:
        found = _resident.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def _descriptors(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0
