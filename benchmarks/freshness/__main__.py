"""``python -m benchmarks.freshness``: exit status 0 when all holds, 1 when not, 2 for wrong usage."""

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.common.arguments import positive, say, whole
from benchmarks.common.process import CannotRun
from benchmarks.freshness.changes import Refused
from benchmarks.freshness.latency import NeverSeen, latencies
from benchmarks.freshness.report import LONG, SHORT, Bounds, late, latency_table, trial_lines, wrong
from benchmarks.freshness.stage import Stage
from benchmarks.freshness.trial import trial
from benchmarks.freshness.watched import watched
from shared.broken_pipe import tolerate_broken_pipe

_RATE: Final = 200.0
_WATCHED: Final = 19
"""Not a multiple of the number of sorts, so that each sort changes everybody."""
_PACE: Final = 8.0
_SEED: Final = 14
_CANNOT_RUN: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit status. 3 when the system could not be brought to run at all."""
    options = _parser().parse_args(arguments)
    samples, changes = (12, 400) if options.short else (300, 10_000)
    try:
        broken = asyncio.run(
            _run(
                samples=options.samples or samples,
                changes=options.changes or changes,
                rate=options.rate,
                seed=options.seed,
                bounds=SHORT if options.short else LONG,
            )
        )
    except CannotRun as error:
        sys.stderr.write(f"{error}\n")
        return _CANNOT_RUN
    except (Refused, NeverSeen, TimeoutError) as error:
        say(f"FAIL: {type(error).__name__}: {error}")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        sys.stderr.write("Interrupted.\n")
        return 128 + (signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM)
    for one in broken:
        say(f"FAIL: {one}")
    if not broken:
        say("PASS: changes are seen in time, and nothing old comes back.")
    return 1 if broken else 0


async def _run(*, samples: int, changes: int, rate: float, seed: int, bounds: Bounds) -> Sequence[str]:
    running = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, lambda: running and running.cancel())
    with tempfile.TemporaryDirectory(prefix="freshness-", ignore_cleanup_errors=True) as folder:
        async with Stage(Path(folder)) as stage:
            looked_at = await watched(stage.gateways[0], _WATCHED)
            soon = await latencies(stage, looked_at, rate, samples, _PACE)
            for line in latency_table(soon):
                say(line)
            say("")
            outcome = await trial(stage, looked_at, rate=rate, changes=changes, seed=seed)
            for line in trial_lines(outcome):
                say(line)
    return [*late(soon, bounds), *wrong(outcome, bounds)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.freshness",
        description="Measure how soon changes are seen in another gateway and by its live streams, then let Redis be "
        "stopped, killed and emptied at random during many changes, and see that nothing old is shown.",
        epilog="docs/benchmarks.md tells what the figures mean.",
    )
    parser.add_argument("--short", action="store_true", help="fewer of everything, and generous bounds")
    parser.add_argument(
        "--samples", type=whole, metavar="N", help="changes of each sort that are measured (300, short 12)"
    )
    parser.add_argument("--changes", type=whole, metavar="N", help="changes while Redis fails (10,000, short 400)")
    parser.add_argument("--rate", type=positive, default=_RATE, metavar="N", help=f"requests a second ({_RATE:g})")
    parser.add_argument("--seed", type=whole, default=_SEED, metavar="N", help=f"of what becomes of Redis ({_SEED})")
    return parser


if __name__ == "__main__":
    with tolerate_broken_pipe():
        raise SystemExit(main())
