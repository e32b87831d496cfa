"""``python -m benchmarks.chaos``: exit status 0 when every objective holds, 1 when not, 2 for wrong usage."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine, Sequence
from random import SystemRandom
from typing import Any, Final, TypeVar

from benchmarks.chaos import report
from benchmarks.chaos.faults import FAULTS, HEALTHY
from benchmarks.chaos.hostile import report as hostile_report
from benchmarks.chaos.hostile.run import run as run_hostile
from benchmarks.chaos.hostile.spells import PARTIES
from benchmarks.chaos.run import Plan, run
from benchmarks.chaos.slo import objectives
from benchmarks.common.arguments import new_file, positive, say, whole
from benchmarks.common.client import BrokenAnswer, NoAnswer
from benchmarks.common.process import CannotRun
from shared.broken_pipe import tolerate_broken_pipe

_LONG_SECONDS: Final = 6.0
_SHORT_SECONDS: Final = 3.0
_LONG_WARM_SECONDS: Final = 2.0
_SHORT_WARM_SECONDS: Final = 0.5
_RATE: Final = 100.0
_HOSTILE_REQUESTS: Final = 100_000
_HOSTILE_SHORT_REQUESTS: Final = 6_000
_ATTEMPTS: Final = 20_000
_CANNOT_RUN: Final = 3

R = TypeVar("R")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit status. 3 when the system could not be brought to run at all."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if any((name in PARTIES) is not options.hostile for name in options.only or ()):
        parser.error(f"--only: with --hostile one of {', '.join(PARTIES)}, without it a fault")
    if options.guarded and not options.hostile:
        parser.error("--guarded: with --hostile alone")
    try:
        return _hostile(options) if options.hostile else _faults(options, parser)
    except CannotRun as error:
        sys.stderr.write(f"{error}\n")
        return _CANNOT_RUN
    except (NoAnswer, BrokenAnswer) as error:
        sys.stderr.write(f"FAIL: the gateway does not even give its metrics any more: {error}.\n")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        sys.stderr.write("Interrupted.\n")
        return 128 + (signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM)


def _faults(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    chosen = [
        fault
        for fault in FAULTS
        if (fault.name in options.only if options.only else fault.in_short or not options.short)
    ]
    try:
        bounds = objectives([HEALTHY.name, *(fault.name for fault in FAULTS)], short=options.short)
    except ValueError as error:
        parser.error(str(error))
    plan = Plan(
        faults=chosen,
        rate=options.rate,
        warm=_SHORT_WARM_SECONDS if options.short else _LONG_WARM_SECONDS,
        seconds=options.seconds or (_SHORT_SECONDS if options.short else _LONG_SECONDS),
        objectives=bounds,
    )
    say(report.head())
    results = asyncio.run(_until_signal(run(plan, lambda result: say(report.line(result)))))
    say(report.verdict(results))
    if options.json:
        options.json.write_bytes(report.as_json(results))
    return 1 if any(result.broken for result in results) else 0


def _hostile(options: argparse.Namespace) -> int:
    seed = options.seed or SystemRandom().randrange(1, 100_000)
    say(f"seed        {seed}")
    requests = options.requests or (_HOSTILE_SHORT_REQUESTS if options.short else _HOSTILE_REQUESTS)
    parties = frozenset(options.only or PARTIES)
    attempts = _ATTEMPTS if options.guarded else 0
    result = asyncio.run(_until_signal(run_hostile(seed, requests, parties, attempts)))
    say(hostile_report.text(result))
    return 1 if result.failures.counts else 0


async def _until_signal(work: Coroutine[Any, Any, R]) -> R:
    running = asyncio.create_task(work)
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    return await running


def _parser() -> argparse.ArgumentParser:
    names = [fault.name for fault in FAULTS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos",
        description="Run the whole system under steady load, let each of its parts fail in turn, and hold what clients "
        "get against the objectives in slo.toml.",
        epilog=f"Faults: {', '.join(names)}. docs/benchmarks.md tells what the figures mean.",
    )
    parser.add_argument(
        "--short", action="store_true", help="a few faults only, for half of the time; or fewer requests"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=[*names, *PARTIES],
        metavar="NAME",
        help="this fault (of a hostile run, this party) alone; may be repeated",
    )
    parser.add_argument("--rate", type=positive, default=_RATE, metavar="N", help=f"requests a second ({_RATE:g})")
    parser.add_argument(
        "--seconds",
        type=positive,
        metavar="N",
        help=f"how long each fault lasts ({_LONG_SECONDS:g}, short {_SHORT_SECONDS:g})",
    )
    parser.add_argument(
        "--hostile", action="store_true", help="instead: services, Redis and clients misbehave at random"
    )
    parser.add_argument(
        "--guarded",
        action="store_true",
        help=f"with --hostile: the whole edge is on, and {_ATTEMPTS:,} requests are made for what is another's",
    )
    parser.add_argument("--seed", type=whole, metavar="N", help="of a hostile run, to draw the same again")
    parser.add_argument(
        "--requests",
        type=whole,
        metavar="N",
        help=f"honest ones of a hostile run ({_HOSTILE_REQUESTS:,}, short {_HOSTILE_SHORT_REQUESTS:,})",
    )
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write the figures to a file as well")
    return parser


if __name__ == "__main__":
    with tolerate_broken_pipe():
        raise SystemExit(main())
