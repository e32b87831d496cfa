"""``python -m benchmarks.scale``: exit status 0, 1 when the model and a real run disagree, 2 for wrong usage."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import Final

import uvloop

from benchmarks.common.arguments import new_file, say
from benchmarks.common.process import CannotRun
from benchmarks.scale import arguments as kinds
from benchmarks.scale import check, plot, report
from benchmarks.scale.inputs import Inputs, assumptions
from benchmarks.scale.plan import TooMuch, plan
from shared.broken_pipe import tolerate_broken_pipe

_CANNOT_RUN: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit status. 3 when the check could not be made, because something did not run."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    if options["check"]:
        return _check(short=options["short"])
    given = {one.name: options[one.name] for one in assumptions() if options[one.name] is not None}
    sizes = [given.pop("users")] if "users" in given else report.SIZES
    try:
        inputs = [Inputs(users=users, **given) for users in sizes]
        plans = [plan(one) for one in inputs]
        for table in report.everything(plans) if len(plans) > 1 else [report.figures(plans)]:
            say(table + "\n")
    except TooMuch:
        parser.error("being told of changes is more than a process may do: no number of processes is enough")
    if options["plot"]:
        options["plot"].write_text(plot.svg(plans))
    return 0


def _check(*, short: bool) -> int:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return 0 if runner.run(_until_signal(short=short)) else 1
    except CannotRun as error:
        sys.stderr.write(f"{error}\n")
        return _CANNOT_RUN
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        sys.stderr.write("Interrupted.\n")
        return 128 + (signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM)


async def _until_signal(*, short: bool) -> bool:
    running = asyncio.create_task(check.holds(say, short=short))
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    return await running


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description="What so many users need: gateways, Redis, calls to services, by a model of the cache.",
        epilog="docs/scaling.md tells what the figures mean.",
    )
    for one in assumptions():
        parser.add_argument(
            f"--{one.name.replace('_', '-')}",
            type=kinds.number(one),
            metavar="N",
            help=f"{one.metadata['says']} ({one.default:g})",
        )
    parser.add_argument("--plot", type=new_file, metavar="FILE", help="draw what becomes of requests, as SVG")
    parser.add_argument("--check", action="store_true", help="hold the model against real gateways, services and Redis")
    parser.add_argument("--short", action="store_true", help="with --check: one run of a few seconds, and no costs")
    return parser


if __name__ == "__main__":
    with tolerate_broken_pipe():
        raise SystemExit(main())
