"""One point of the curve: the gateway under an offered rate for some seconds."""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.common import usage
from benchmarks.common.process import CannotRun, Process
from benchmarks.speed.measurement import Bench
from benchmarks.speed.open_loop.figures import Figures
from benchmarks.speed.open_loop.generator import Offer

_ROOT: Final = Path(__file__).resolve().parents[3]
_PROGRAM: Final = "benchmarks.speed.open_loop.generator"
_MARGIN_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Point:
    """What came of it.

    Attributes:
        share: of capacity, that was offered.
        rate: requests a second that were due.
        figures: by the load generator.
        calls: to the services for each request.
        cpu: seconds of a processor for each request, of all the gateway's processes.
        busy: processors that the gateway used.
        others: share of its processors that somebody else took.
    """

    share: float
    rate: float
    figures: Figures
    calls: float
    cpu: float
    busy: float
    others: float

    @property
    def answered(self) -> float:
        """Answers a second."""
        return (self.figures.requests - self.figures.unanswered) / self.figures.seconds


async def offered(bench: Bench, server: Process, share: float, offer: Offer) -> Point:
    """Make the load that ``offer`` says, and look who used the processors.

    Raises:
        CannotRun: the load generator does not do its work.
    """
    pids = usage.tree(server.pid)
    before, asked = bench.clocks(pids), bench.services.asked
    told = await _generated(offer)
    spent, calls = bench.clocks(pids).since(before), bench.services.asked - asked
    requests = max(1, told.requests)
    return Point(
        share=share,
        rate=told.requests / offer.seconds,
        figures=told,
        calls=calls / requests,
        cpu=spent.server / requests,
        busy=spent.server / max(offer.seconds, told.seconds),
        others=spent.others(bench.placement),
    )


async def _generated(offer: Offer) -> Figures:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", _PROGRAM, msgspec.json.encode(offer).decode(),
        cwd=_ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(offer.seconds + _MARGIN_SECONDS):
            said, errors = await process.communicate()
    except TimeoutError:
        raise CannotRun("The load generator does not end.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise CannotRun(f"The load generator failed:\n{errors.decode(errors='replace')[-500:]}")
    return msgspec.json.decode(said, type=Figures)
