"""``python -m benchmarks.chaos``: exit status 0 when every objective holds, 1 when not, 2 for wrong usage."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from random import SystemRandom
from typing import Any, Final, TypeVar

from benchmarks.chaos import report
from benchmarks.chaos.faults import FAULTS, HEALTHY
from benchmarks.chaos.hostile import report as hostile_report
from benchmarks.chaos.hostile.run import run as run_hostile
from benchmarks.chaos.hostile.spells import PARTIES
from benchmarks.chaos.hosts import faults as between_hosts
from benchmarks.chaos.hosts import report as hosts_report
from benchmarks.chaos.hosts.network import Network
from benchmarks.chaos.hosts.run import HostPlan
from benchmarks.chaos.hosts.run import run as run_hosts
from benchmarks.chaos.hosts.stage import host_names
from benchmarks.chaos.hosts.verdict import HostObjectives
from benchmarks.chaos.result import Result
from benchmarks.chaos.run import Plan, run
from benchmarks.chaos.slo import HOSTS, Objectives, objectives
from benchmarks.common.arguments import new_file, positive, say, whole
from benchmarks.common.client import BrokenAnswer, NoAnswer
from benchmarks.common.process import CannotRun
from shared.broken_pipe import tolerate_broken_pipe

_LONG_SECONDS: Final = 6.0
_SHORT_SECONDS: Final = 3.0
_LONG_WARM_SECONDS: Final = 2.0
_SHORT_WARM_SECONDS: Final = 0.5
_RATE: Final = 100.0
_HOSTS_RATE: Final = 60.0
_HOSTILE_REQUESTS: Final = 100_000
_HOSTILE_SHORT_REQUESTS: Final = 6_000
_ATTEMPTS: Final = 20_000
_CANNOT_RUN: Final = 3

R = TypeVar("R")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit status. 3 when the system could not be brought to run at all."""
    parser = _parser()
    options = parser.parse_args(arguments)
    known = _names(hosts=options.hosts, hostile=options.hostile)
    if not set(known).issuperset(options.only or ()):
        parser.error(f"--only: one of {', '.join(known)}")
    if options.guarded and not options.hostile:
        parser.error("--guarded: with --hostile alone")
    try:
        if options.hostile:
            return _hostile(options)
        return _hosts(options, parser) if options.hosts else _faults(options, parser)
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
        bounds = objectives(Objectives, [HEALTHY.name, *(fault.name for fault in FAULTS)], short=options.short)
    except ValueError as error:
        parser.error(str(error))
    plan = Plan(
        faults=chosen,
        rate=options.rate or _RATE,
        warm=_SHORT_WARM_SECONDS if options.short else _LONG_WARM_SECONDS,
        seconds=options.seconds or (_SHORT_SECONDS if options.short else _LONG_SECONDS),
        objectives=bounds,
    )
    table = report.FAULTS
    say(table.head())
    results = asyncio.run(_until_signal(run(plan, lambda result: say(table.line(result)))))
    return _told(options, results, [report.plain(result, result.figures) for result in results])


def _hosts(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    chosen = [
        fault
        for fault in between_hosts.FAULTS
        if (fault.name in options.only if options.only else fault.short_seconds or not options.short)
    ]
    names = [fault.name for fault in (*between_hosts.MEASURES, *between_hosts.FAULTS)]
    try:
        bounds = objectives(HostObjectives, names, short=options.short, within=HOSTS)
    except ValueError as error:
        parser.error(str(error))
    plan = HostPlan(
        faults=[fault.form(short=options.short, seconds=options.seconds) for fault in chosen],
        healthy=[fault.form(short=options.short, seconds=options.seconds) for fault in between_hosts.MEASURES],
        rate=options.rate or _HOSTS_RATE,
        warm=_SHORT_WARM_SECONDS if options.short else _LONG_WARM_SECONDS,
        objectives=bounds,
    )
    table = hosts_report.TABLE
    with Network(host_names()) as network:
        say(table.head())
        results = asyncio.run(_until_signal(run_hosts(plan, network, lambda result: say(table.line(result)))))
    return _told(options, results, list(map(hosts_report.plain, results)))


def _told(options: argparse.Namespace, results: Sequence[Result[Any]], figures: Sequence[Mapping[str, object]]) -> int:
    say(report.verdict(results))
    if options.json:
        options.json.write_bytes(report.as_json(figures))
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


def _names(*, hosts: bool, hostile: bool) -> Mapping[str, None]:
    names = PARTIES if hostile else [fault.name for fault in (between_hosts.FAULTS if hosts else FAULTS)]
    return dict.fromkeys(names)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos",
        description="Run the whole system under steady load, let each of its parts fail in turn, and hold what clients "
        "get against the objectives in slo.toml.",
        epilog=f"Faults: {', '.join(_names(hosts=False, hostile=False))}. Between hosts: "
        f"{', '.join(_names(hosts=True, hostile=False))}. docs/benchmarks.md tells what the figures mean.",
    )
    parser.add_argument(
        "--short", action="store_true", help="a few faults only, for half of the time; or fewer requests"
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        help="this fault (of a hostile run, this party) alone; may be repeated",
    )
    parser.add_argument(
        "--rate", type=positive, metavar="N", help=f"requests a second ({_RATE:g}, hosts {_HOSTS_RATE:g})"
    )
    parser.add_argument(
        "--seconds",
        type=positive,
        metavar="N",
        help=f"how long each fault lasts ({_LONG_SECONDS:g}, short {_SHORT_SECONDS:g}; between hosts as each needs)",
    )
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--hosts", action="store_true", help="instead: several gateways and instances on hosts of their own, as root"
    )
    other.add_argument(
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
