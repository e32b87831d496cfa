"""The files through which several workers share their metrics, kept in order while workers come and go.

prometheus_client gives every process a file for each type of metric, and whoever is asked adds all of them up. Here is
what that leaves open. Files of workers that have ended would pile up, and each scrape read them all: their totals go
into one file a type. Whoever reads meanwhile must find each total once: reading and changing take turns, by a lock
that the kernel takes back from a process that is killed. And a worker that is killed while it makes a file leaves an
empty one.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_OF_THE_LIVING: Final = "gauge_live*_{}.db"
_TOTALS: Final = ("counter", "histogram")

AddUp = Callable[[Path, Path], None]
"""Adds the totals in the second file to those in the first, which need not be there yet."""


@contextmanager
def read(directory: Path) -> Iterator[list[str]]:
    """The files to be added up, always in the same order; they stay as they are inside the context."""
    with _locked(directory, fcntl.LOCK_SH):
        gone = {path for path in directory.glob(_OF_THE_LIVING.format("*")) if not _lives(path)}
        yield sorted(str(path) for path in directory.glob("*.db") if path not in gone and path.stat().st_size)


def worker_ended(directory: Path, pid: int, add_up: AddUp) -> None:
    """Drop the gauges of the worker that was ``pid``, and move its totals to those of all that have ended."""
    with _locked(directory, fcntl.LOCK_EX):
        for path in directory.glob(_OF_THE_LIVING.format(pid)):
            path.unlink()
        for kind in _TOTALS:
            path = directory / f"{kind}_{pid}.db"
            if path.exists():
                if path.stat().st_size:
                    add_up(directory / f"{kind}_ended.db", path)
                path.unlink()


@contextmanager
def _locked(directory: Path, how: int) -> Iterator[None]:
    with (directory / "lock").open("ab") as lock:
        fcntl.flock(lock, how)
        yield


def _lives(path: Path) -> bool:
    return Path(f"/proc/{path.stem.rpartition('_')[2]}").exists()
