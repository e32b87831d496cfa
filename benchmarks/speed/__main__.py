"""``python -m benchmarks.speed``: exit status 0, 1 when answers were wrong under load, 2 for wrong usage."""

import argparse
import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import uvloop

from benchmarks.common.arguments import new_file, percent, say, tell, whole
from benchmarks.common.process import CannotRun
from benchmarks.speed import plot, report
from benchmarks.speed.capacity import mode as capacity
from benchmarks.speed.machine import machine
from benchmarks.speed.observing import costs
from benchmarks.speed.open_loop import mode as open_loop
from benchmarks.speed.rows import rows
from benchmarks.speed.run import Plan, run
from benchmarks.speed.scenarios import chosen, names
from benchmarks.speed.told import Told
from shared.broken_pipe import tolerate_broken_pipe

_ROUNDS: Final = 3
_SECONDS: Final = 5
_CONNECTIONS: Final = 32
_CANNOT_RUN: Final = 3

_Mode = Callable[[argparse.Namespace], Awaitable[Told]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit status. 3 when there was nothing to measure, because something did not run or answered wrong."""
    parser = _parser()
    options = parser.parse_args(arguments)
    mode = _mode(parser, options)
    if len(os.sched_getaffinity(0)) == 1:
        tell("There is one processor only: gateway and load take it from each other. Go by CPU µs/request.")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            told = runner.run(_until_signal(mode, options))
    except CannotRun as error:
        tell(str(error))
        return _CANNOT_RUN
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        tell("Interrupted.")
        return 128 + (signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM)
    say(told.text)
    if options.markdown:
        options.markdown.write_text(told.text)
    if options.plot:
        options.plot.write_text(told.drawn)
    if options.json:
        options.json.write_bytes(told.document)
    return 1 if told.fails else 0


async def _until_signal(mode: _Mode, options: argparse.Namespace) -> Told:
    running = asyncio.ensure_future(mode(options))
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    return await running


async def _scenarios(options: argparse.Namespace) -> Told:
    plan = Plan(
        scenarios=chosen(options.only or ()),
        rounds=options.rounds or (1 if options.short else _ROUNDS),
        seconds=options.seconds or (1 if options.short else _SECONDS),
        connections=options.connections or _CONNECTIONS,
        warm=0 if options.short else 1,
    )
    about = machine()
    results = await run(plan, lambda number, scenario, got: tell(report.progress(number, plan.rounds, scenario, got)))
    table, differences = rows(plan.scenarios, results.measured), costs(results.measured)
    return Told(
        text=report.markdown(table, differences, results, plan, about),
        drawn=plot.svg(table),
        document=report.as_json(table, differences, results, plan, about),
        fails=any(row.errors for row in table),
    )


def _mode(parser: argparse.ArgumentParser, options: argparse.Namespace) -> _Mode:
    """What is to be done; options that mean nothing to it are wrong usage."""
    chosen_mode, own = _scenarios, {"only"}
    if options.open_loop:
        chosen_mode, own = open_loop.told, {"misses", *open_loop.OWN_OPTIONS}
    elif options.capacity:
        chosen_mode, own = capacity.told, {"misses", *capacity.OWN_OPTIONS}
    for name in ("only", "misses", *open_loop.OWN_OPTIONS, *capacity.OWN_OPTIONS):
        if getattr(options, name) is not None and name not in own:
            parser.error(f"--{name.replace('_', '-')} means nothing here")
    return chosen_mode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description="Measure the gateway on this machine, beside bare servers on the same stack. Needs wrk.",
        epilog=f"Scenarios: {', '.join(names())}. docs/performance.md tells what the figures mean.",
    )
    parser.add_argument("--short", action="store_true", help="one round of one second each: to see that it runs")
    parser.add_argument(
        "--only",
        action="append",
        choices=names(),
        metavar="NAME",
        help="this scenario and its floor alone; may be repeated",
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--open-loop", action="store_true", help="instead: latency over the rate of requests")
    modes.add_argument("--capacity", action="store_true", help="instead: what workers give and users need")
    parser.add_argument("--rounds", type=whole, metavar="N", help=f"each measurement so often ({_ROUNDS})")
    parser.add_argument("--seconds", type=whole, metavar="N", help=f"each time for so long ({_SECONDS})")
    parser.add_argument(
        "--connections", type=whole, metavar="N", help=f"kept alive ({_CONNECTIONS}, open loop {open_loop.CONNECTIONS})"
    )
    parser.add_argument("--markdown", type=new_file, metavar="FILE", help="write the tables to a file as well")
    parser.add_argument("--plot", type=new_file, metavar="FILE", help="draw requests a second, or latency, as SVG")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write everything, round by round, as JSON")
    parser.add_argument(
        "--misses", type=percent, metavar="P", help="of both: percent that nobody has asked for before (10)"
    )
    open_loop.add_options(parser)
    capacity.add_options(parser)
    return parser


if __name__ == "__main__":
    with tolerate_broken_pipe():
        raise SystemExit(main())
