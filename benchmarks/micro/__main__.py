"""``python -m benchmarks.micro``: every piece with pyperf, whose options it takes; ``-o FILE`` keeps the figures."""

import os
import tempfile
from argparse import Namespace
from typing import Final

import pyperf

from shared.broken_pipe import tolerate_broken_pipe

_SEVERAL: Final = "--multiprocess"
_ONLY: Final = "--only"


def main() -> None:
    """Run them; pyperf calls this program again for each of its processes."""
    runner = pyperf.Runner(program_args=("-m", "benchmarks.micro"), add_cmdline_args=_pass_on)
    runner.argparser.add_argument(
        _SEVERAL, action="store_true", help="metrics as several workers keep them: in files that they share"
    )
    runner.argparser.add_argument(_ONLY, default="", metavar="TEXT", help="pieces with this in their names alone")
    options = runner.parse_args()
    with tempfile.TemporaryDirectory(prefix="micro-") as folder:
        if options.multiprocess:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = (
                folder  # before metrics are made, which is when pieces are imported
            )
        _run(runner, options.only)


def _run(runner: pyperf.Runner, only: str) -> None:
    from benchmarks.micro import arrival, cached, made  # noqa: PLC0415 - see above

    for piece in (*arrival.PIECES, *cached.PIECES, *made.PIECES):
        if only in piece.name:
            runner.bench_time_func(piece.name, piece.timed())


def _pass_on(command: list[str], options: Namespace) -> None:
    if options.multiprocess:
        command.append(_SEVERAL)
    command.extend((_ONLY, options.only))


if __name__ == "__main__":
    with tolerate_broken_pipe():
        main()
