"""The mode ``--capacity``: its options, and what it tells."""

import argparse
from typing import Final

from benchmarks.common.arguments import tell
from benchmarks.common.process import CannotRun
from benchmarks.scale import check
from benchmarks.scale import plot as scale_plot
from benchmarks.scale.arguments import assumed
from benchmarks.scale.inputs import Inputs
from benchmarks.scale.plan import TooMuch
from benchmarks.speed import report as speed_report
from benchmarks.speed.capacity import report
from benchmarks.speed.capacity.run import Plan, run
from benchmarks.speed.machine import machine
from benchmarks.speed.measurement import Measurement
from benchmarks.speed.scenarios import Scenario
from benchmarks.speed.told import Told

_SIZES: Final = (1_000, 100_000, 10_000_000)
_WORKERS: Final = (1, 2, 4)
_USERS: Final = (2_000, 4_000, 8_000, 12_000, 16_000)
_SHORT_USERS: Final = (200, 400, 600)
_ROUNDS: Final = 3
_SECONDS: Final = 5
_CONNECTIONS: Final = 32
MISSES: Final = 10

OWN_OPTIONS: Final = ("assume",)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those that mean something in this mode alone."""
    parser.add_argument_group("with --capacity").add_argument(
        "--assume",
        type=assumed,
        action="append",
        metavar="NAME=N",
        help="of the users, as an option of benchmarks.scale: peak=6; may be repeated",
    )


async def told(options: argparse.Namespace) -> Told:
    """Measure, and tell.

    Raises:
        CannotRun: there was nothing to measure, or no number of workers is enough for what is assumed.
    """
    given = dict(options.assume or ())
    sizes = [given.pop("users")] if "users" in given else _SIZES
    plan = Plan(
        workers=_WORKERS[:1] if options.short else _WORKERS,
        misses=(MISSES if options.misses is None else options.misses) / 100,
        users=_SHORT_USERS if options.short else _USERS,
        sizes=[Inputs(users=users, **given) for users in sizes],
        trials=() if options.short else (check.CATALOGUE, check.TRIALS[0]),
        rounds=options.rounds or (1 if options.short else _ROUNDS),
        seconds=options.seconds or (1 if options.short else _SECONDS),
        connections=options.connections or _CONNECTIONS,
        warm=0 if options.short else 1,
    )

    def progress(number: int, scenario: Scenario, got: Measurement) -> None:
        tell(speed_report.progress(number, plan.rounds, scenario, got))

    about = machine()
    try:
        results = await run(plan, progress, tell)
    except TooMuch:
        raise CannotRun("Being told of changes is more than a worker may do: no number of them is enough.") from None
    return Told(
        text=report.markdown(results, plan, about),
        drawn=scale_plot.svg(results.plans),
        document=report.as_json(results, plan, about),
        fails=not report.holds(results) or any(row.errors for row in results.rows),
    )
