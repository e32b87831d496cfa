"""``python -m benchmarks.streams``: exit status 0, 1 when a bound is exceeded, 2 for wrong usage."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Final

import orjson
import uvloop

from benchmarks.common.arguments import new_file, positive, say, whole
from benchmarks.common.process import CannotRun
from benchmarks.speed import wrk
from benchmarks.speed.machine import machine
from benchmarks.streams import changes, first_part, idle, lasting
from benchmarks.streams.figures import Figure, markdown
from benchmarks.streams.plan import SHORT, Plan
from shared.broken_pipe import tolerate_broken_pipe

_CANNOT_RUN: Final = 3
_LEAST: Final = 50
_MEASURED: Final[Mapping[str, Callable[[Plan], Awaitable[Sequence[Figure]]]]] = {
    "first-part": first_part.figures,
    "changes": changes.figures,
    "idle": idle.figures,
    "load": lasting.figures,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit status. 3 when there was nothing to measure, because something did not run or answered wrong."""
    options = _parser().parse_args(arguments)
    plan = SHORT if options.short else Plan()
    plan = replace(plan, streams=options.streams or plan.streams)
    if options.minutes:
        plan = replace(plan, load=options.minutes * 60)
    if len(os.sched_getaffinity(0)) == 1:
        sys.stderr.write("There is one processor only: gateway and clients take it from each other.\n")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures = runner.run(_until_signal(plan, options.only or [*_MEASURED]))
    except CannotRun as error:
        sys.stderr.write(f"{error}\n")
        return _CANNOT_RUN
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        sys.stderr.write("Interrupted.\n")
        return 128 + (signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM)
    say(f"{markdown(figures, plan.slack)}\n\nMachine: {machine()}.")
    if options.json:
        document = {"machine": machine(), "plan": asdict(plan), "figures": [asdict(figure) for figure in figures]}
        options.json.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    return 0 if all(figure.holds(plan.slack) for figure in figures) else 1


async def _until_signal(plan: Plan, names: Sequence[str]) -> Sequence[Figure]:
    running = asyncio.create_task(_figures(plan, names))
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    return await running


async def _figures(plan: Plan, names: Sequence[str]) -> Sequence[Figure]:
    if "idle" in names:
        wrk.program()
    found: list[Figure] = []
    for name, measured in _MEASURED.items():
        if name in names:
            sys.stderr.write(f"{name} …\n")
            sys.stderr.flush()
            found += await measured(plan)
    return found


def _several(text: str) -> int:
    """So many that some come first, some do not read, and there are others."""
    number = whole(text)
    if number < _LEAST:
        raise argparse.ArgumentTypeError(f"expected {_LEAST} at least, not {text!r}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.streams",
        description="Measure what live streams cost, and how soon they tell. Needs wrk and a redis-server.",
        epilog="docs/benchmarks.md tells what the figures mean.",
    )
    parser.add_argument("--short", action="store_true", help="just enough to see that everything runs, half a minute")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*_MEASURED],
        default=[],
        metavar="NAME",
        help=f"this alone, of {', '.join(_MEASURED)}; may be repeated",
    )
    parser.add_argument("--streams", type=_several, metavar="N", help=f"open at a time ({Plan.streams:,})")
    parser.add_argument(
        "--minutes", type=positive, metavar="N", help="of mixed load, under which memory is looked at (1)"
    )
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write the figures as JSON as well")
    return parser


if __name__ == "__main__":
    with tolerate_broken_pipe():
        raise SystemExit(main())
