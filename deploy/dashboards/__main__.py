"""The command line: `python -m deploy.dashboards` writes the dashboards, with `--check` it only compares."""

import argparse
import sys
from pathlib import Path
from typing import Final

from deploy.dashboards import render
from shared.broken_pipe import tolerate_broken_pipe

FOLDER: Final = Path(__file__).resolve().parents[2] / "grafana" / "dashboards"


def main(arguments: list[str]) -> int:
    """Write what is not current, or with `--check` only name it; return the exit status.

    Args:
        arguments: Those of the command line, the program's name apart.

    Returns:
        0; with `--check` 1 when a file is missing, differs, or is none of ours.
    """
    parser = argparse.ArgumentParser(prog="python -m deploy.dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file is not current")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files are (%(default)s)")
    options = parser.parse_args(arguments)
    stale = render.stale(options.folder)
    if options.check:
        sys.stderr.write("".join(f"{name} is not current: run python -m deploy.dashboards\n" for name in stale))
        return 1 if stale else 0
    sys.stdout.write("".join(f"{options.folder / name}\n" for name in render.write(options.folder)))
    return 0


if __name__ == "__main__":
    with tolerate_broken_pipe():
        sys.exit(main(sys.argv[1:]))
