"""The mode ``--open-loop``: its options, and what it tells."""

import argparse
from typing import Final

from benchmarks.common.arguments import positive, tell, whole
from benchmarks.speed.machine import machine
from benchmarks.speed.open_loop import plot, report
from benchmarks.speed.open_loop.curve import judged, rows
from benchmarks.speed.open_loop.run import Plan, run
from benchmarks.speed.told import Told

_RATES: Final = (10, 25, 50, 75, 90, 95)
_SHORT_RATES: Final = (25, 50)
_MOST_RATE: Final = 200
_MISSES: Final = 10
CONNECTIONS: Final = 128
_ROUNDS: Final = 3
_SECONDS: Final = 5

OWN_OPTIONS: Final = ("rates", "service_ms", "p99_ms", "seed")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those that mean something in this mode alone."""
    own = parser.add_argument_group("with --open-loop")
    rates = ",".join(map(str, _RATES))
    own.add_argument("--rates", type=_rates, metavar="P,P,…", help=f"percents of capacity ({rates})")
    own.add_argument("--service-ms", type=positive, metavar="N", help="what a call to a service takes (0)")
    own.add_argument(
        "--p99-ms", type=positive, metavar="N", help="fail when p99 at half of capacity is more over the services' time"
    )
    own.add_argument("--seed", type=whole, metavar="N", help="of arrivals, and of who is asked for (1)")


async def told(options: argparse.Namespace) -> Told:
    """Measure, and tell.

    Raises:
        CannotRun: there was nothing to measure.
    """
    bound = options.p99_ms and options.p99_ms / 1000
    rates = options.rates or (_SHORT_RATES if options.short else _RATES)
    judged_rates = {report.JUDGED_SHARE} if bound else set()
    plan = Plan(
        shares=sorted({rate / 100 for rate in rates} | judged_rates),
        misses=(_MISSES if options.misses is None else options.misses) / 100,
        services=(options.service_ms or 0.0) / 1000,
        rounds=options.rounds or (1 if options.short else _ROUNDS),
        seconds=options.seconds or (1 if options.short else _SECONDS),
        connections=options.connections or CONNECTIONS,
        warm=0 if options.short else 1,
        seed=options.seed or 1,
    )
    about = machine()
    results = await run(plan, lambda number, got: tell(report.progress(number, plan, got)))
    curve = rows(results.points)
    wrong = any(row.errors for row in curve) or any(one.errors for one in results.closed)
    return Told(
        text=report.markdown(curve, results, plan, bound, about) + "\n",
        drawn=plot.svg(curve),
        document=report.as_json(curve, results, plan, bound, about),
        fails=wrong or (bound is not None and not judged(curve, report.JUDGED_SHARE, bound)),
    )


def _rates(text: str) -> tuple[int, ...]:
    found = [int(part) for part in text.split(",") if part.isascii() and part.isdigit()]
    if len(found) != text.count(",") + 1 or not all(0 < rate <= _MOST_RATE for rate in found):
        raise argparse.ArgumentTypeError(f"expected percents from 1 to {_MOST_RATE} with commas, not {text!r}")
    return tuple(found)
