"""One measurement: a server under load for some seconds, and who used the processors meanwhile."""

import asyncio
import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.common import usage
from benchmarks.common.issuer import Issuer
from benchmarks.common.process import Process
from benchmarks.common.services import Services
from benchmarks.speed import wrk
from benchmarks.speed.clocks import Clocks
from benchmarks.speed.cores import Placement
from benchmarks.speed.wrk import Answered, Load

_QUIET_SHARE: Final = 0.05
_LOOK_SECONDS: Final = 0.1
_LOOKS: Final = 50
_SIZE_MARGIN: Final = 0.15
_FULL: Final = 0.85


@dataclass(frozen=True)
class Measurement:
    """What came of it.

    Attributes:
        rate: answers a second.
        p50: seconds, as is p99.
        cpu: seconds of a processor for each request, of all the server's processes.
        calls: to the services for each request.
        memory: of all the server's processes, in MiB.
        errors: answers that were none, or not the right one.
        busy: processors that the server used.
        others: share of its processors that somebody else took.
        load_full: whether the load could not have been greater.
        shared: whether server and load had to share a processor.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    calls: float
    memory: float
    errors: int
    busy: float
    others: float
    load_full: bool
    shared: bool


@dataclass(frozen=True)
class Bench:
    """Where measurements are made: what is around the server."""

    services: Services
    redis: Process
    issuer: Issuer
    placement: Placement
    folder: Path

    async def measure(
        self, server: Process, load: Load, *, size: int, seconds: int, connections: int, first: int
    ) -> Measurement:
        """Load ``server``, whose right answers have about ``size`` bytes.

        Raises:
            CannotRun: wrk does not do its work.
        """
        pids = usage.tree(server.pid)
        before, asked = self.clocks(pids), self.services.asked
        answered = await wrk.run(
            load, server.port, seconds=seconds, connections=connections, first=first, folder=self.folder
        )
        spent, calls = self.clocks(pids).since(before), self.services.asked - asked
        requests = max(1, answered.requests)
        return Measurement(
            rate=answered.requests / answered.seconds,
            p50=answered.p50,
            p99=answered.p99,
            cpu=spent.server / requests,
            calls=calls / requests,
            memory=usage.memory_mib(pids),
            errors=_errors(answered, size),
            busy=spent.server / spent.wall,
            others=spent.others(self.placement),
            load_full=spent.load / spent.wall > _FULL * len(self.placement.load),
            shared=self.placement.shared,
        )

    async def settle(self, server: Process) -> None:
        """Wait until the server is done with what wrk left behind, for five seconds at most."""
        pids = usage.tree(server.pid)
        for _ in range(_LOOKS):
            before = usage.cpu_seconds(pids)
            await asyncio.sleep(_LOOK_SECONDS)
            if usage.cpu_seconds(pids) - before < _QUIET_SHARE * _LOOK_SECONDS:
                return

    def clocks(self, pids: Sequence[int]) -> Clocks:
        """The time of all who concern a server with these processes; of loads, those that have ended."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)  # wrk
        own = usage.cpu_seconds((os.getpid(), self.redis.pid))
        return Clocks(
            wall=time.monotonic(),
            server=usage.cpu_seconds(pids),
            load=own + ended.ru_utime + ended.ru_stime,
            on_gateway_cores=usage.busy_seconds(self.placement.gateway),
            on_all_cores=usage.busy_seconds(self.placement.gateway | self.placement.load),
        )


def _errors(answered: Answered, size: int) -> int:
    """Failed requests; all of them when the answers had not the size of right ones."""
    is_right = abs(answered.size - size) <= _SIZE_MARGIN * size
    return answered.errors if is_right else max(1, answered.requests)
