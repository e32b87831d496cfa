"""The files through which workers share their metrics, merged when workers end.

Every process has a file for each type of metric (``metric_values``), and whoever is asked adds all of them up.
Files of workers that have ended would pile up, and each scrape read them all: their totals go into one file a type.
Whoever reads meanwhile must find each total once: reading and changing take turns, by a lock that the kernel takes back
from a process that is killed. It is tried, and not waited for beyond a moment, since whoever holds it may have been
stopped: what ended workers leave is moved another time, and is read where it is meanwhile.
"""

import contextlib
import fcntl
import logging
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shared.observing import metric_records

_LIVE_GAUGES: Final = "gauge_live*_{}.db"
_TOTALS: Final = ("counter", "histogram")
_READ_LOCK_SECONDS: Final = 0.05
_MOVE_LOCK_SECONDS: Final = 0.5
_TRY_SECONDS: Final = 0.001
_logger = logging.getLogger("metrics")

Merge = Callable[[Path, Path], None]
"""Adds the totals in the second file to those in the first, which need not be there yet."""


def new_directory(prefix: str) -> Path:
    """A directory for the files, which is not there yet."""
    try:
        folder = tempfile.gettempdir()
    except OSError:  # not one that can be written to at the moment
        folder = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - `create_directory` checks whose it is
    return Path(folder) / f"{prefix}{secrets.token_hex(4)}"


def create_directory(directory: Path) -> None:
    """Make the directory, unless it is there.

    Raises:
        OSError: it cannot be made, or what is there is not ours.
    """
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700, parents=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(f"{directory} is not ours")


@contextmanager
def read(directory: Path) -> Iterator[list[str]]:
    """The files to be added up, always in the same order; they stay as they are inside the context."""
    with _locked(directory, fcntl.LOCK_SH, _READ_LOCK_SECONDS):
        try:
            gone = {path for path in directory.glob(_LIVE_GAUGES.format("*")) if not _is_alive(path)}
            found = sorted(str(path) for path in directory.glob("*.db") if path not in gone and path.stat().st_size)
        except OSError as error:
            _logger.warning("metrics cannot be read", exc_info=error)
            found = []
        yield found


def is_readable(path: str) -> bool:
    """Whether the file can be read; logs it if not."""
    try:
        dict(metric_records.parse(Path(path).read_bytes()))
    except (OSError, ValueError) as error:
        _logger.warning("a file of metrics cannot be read", exc_info=error)
        return False
    return True


def merge(totals: Path, more: Path) -> None:
    """Add what is in ``more`` to ``totals``, in one step; damaged data is logged and lost.

    Raises:
        OSError: there is no room; nothing has been changed.
    """
    sums = _read_totals(totals)
    for key, value in _read_totals(more).items():
        sums[key] = sums.get(key, 0.0) + value
    fresh = totals.with_suffix(".new")
    try:
        fresh.write_bytes(metric_records.image(metric_records.record(key, value) for key, value in sums.items()))
        fresh.replace(totals)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise


def worker_ended(directory: Path, pid: int, add: Merge = merge) -> bool:
    """Drop the gauges of the worker that was ``pid``, and move its totals to those of all that have ended.

    Tells whether that is done; if not, it can be tried again.
    """
    if not directory.exists():
        return True
    with _locked(directory, fcntl.LOCK_EX, _MOVE_LOCK_SECONDS) as held:
        if held:
            try:
                _move(directory, pid, add)
            except OSError as error:
                _logger.warning("metrics of a worker that has ended cannot be moved", exc_info=error)
                return False
        return held


def _move(directory: Path, pid: int, add: Merge) -> None:
    for pattern in (_LIVE_GAUGES.format(pid), f"*_{pid}.new"):
        for path in directory.glob(pattern):
            path.unlink(missing_ok=True)
    for kind in _TOTALS:
        path = directory / f"{kind}_{pid}.db"
        if path.exists():
            if path.stat().st_size:
                add(directory / f"{kind}_ended.db", path)
            path.unlink(missing_ok=True)


def _read_totals(path: Path) -> dict[bytes, float]:
    try:
        return dict(metric_records.parse(path.read_bytes()))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        _logger.warning("a file of metrics is damaged", exc_info=error)
        return {}


@contextmanager
def _locked(directory: Path, how: int, patience: float) -> Iterator[bool]:
    """Try to have the lock for ``patience`` seconds; tells whether it is held."""
    try:
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield False
        return
    try:
        yield _try(lock, how, patience)
    finally:
        os.close(lock)


def _try(lock: int, how: int, patience: float) -> bool:
    give_up = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up:
                return False
            time.sleep(_TRY_SECONDS)
        except OSError:
            return False
        else:
            return True


def _is_alive(path: Path) -> bool:
    return Path(f"/proc/{path.stem.rpartition('_')[2]}").exists()
