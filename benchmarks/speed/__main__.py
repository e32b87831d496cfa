"""``python -m benchmarks.speed``: exit status 0, 1 when answers were wrong under load, 2 for wrong usage."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

import uvloop

from benchmarks.common.arguments import new_file, say, whole
from benchmarks.common.process import CannotRun
from benchmarks.speed import plot, report
from benchmarks.speed.machine import machine
from benchmarks.speed.measurement import Measurement
from benchmarks.speed.observing import costs
from benchmarks.speed.rows import rows
from benchmarks.speed.run import Plan, Results, run
from benchmarks.speed.scenarios import Scenario, chosen, names
from shared.broken_pipe import tolerate_broken_pipe

_ROUNDS: Final = 3
_SECONDS: Final = 5
_CONNECTIONS: Final = 32
_CANNOT_RUN: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit status. 3 when there was nothing to measure, because something did not run or answered wrong."""
    options = _parser().parse_args(arguments)
    plan = Plan(
        scenarios=chosen(options.only),
        rounds=options.rounds or (1 if options.short else _ROUNDS),
        seconds=options.seconds or (1 if options.short else _SECONDS),
        connections=options.connections,
    )
    if len(os.sched_getaffinity(0)) == 1:
        sys.stderr.write(
            "There is one processor only: gateway and load take it from each other. Go by CPU µs/request.\n"
        )
    about = machine()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            results = runner.run(_until_signal(plan))
    except CannotRun as error:
        sys.stderr.write(f"{error}\n")
        return _CANNOT_RUN
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        sys.stderr.write("Interrupted.\n")
        return 128 + (signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM)
    table, differences = rows(plan.scenarios, results.measured), costs(results.measured)
    text = report.markdown(table, differences, results, plan, about)
    say(text)
    if options.markdown:
        options.markdown.write_text(text)
    if options.plot:
        options.plot.write_text(plot.svg(table))
    if options.json:
        options.json.write_bytes(report.as_json(table, differences, results, plan, about))
    return 1 if any(row.errors for row in table) else 0


async def _until_signal(plan: Plan) -> Results:
    def tell(number: int, scenario: Scenario, got: Measurement) -> None:
        sys.stderr.write(report.progress(number, plan, scenario, got) + "\n")
        sys.stderr.flush()

    running = asyncio.create_task(run(plan, tell))
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    return await running


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
        default=[],
        metavar="NAME",
        help="this scenario and its floor alone; may be repeated",
    )
    parser.add_argument("--rounds", type=whole, metavar="N", help=f"each scenario so often ({_ROUNDS})")
    parser.add_argument("--seconds", type=whole, metavar="N", help=f"each time for so long ({_SECONDS})")
    parser.add_argument(
        "--connections", type=whole, default=_CONNECTIONS, metavar="N", help=f"kept alive ({_CONNECTIONS})"
    )
    parser.add_argument("--markdown", type=new_file, metavar="FILE", help="write the tables to a file as well")
    parser.add_argument("--plot", type=new_file, metavar="FILE", help="draw the requests a second, as SVG")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write everything, round by round, as JSON")
    return parser


if __name__ == "__main__":
    with tolerate_broken_pipe():
        raise SystemExit(main())
