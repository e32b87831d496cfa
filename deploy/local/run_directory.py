"""The run directory: what the command, the supervisor and the keepers tell each other, and the logs.

`plan.json` says what is to run, `supervisor.json` who runs it, `NAME.json` how a component is; `NAME.hold` asks its
keeper to leave it stopped. All of them go when the system ends; the logs stay.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from deploy.local.component import Plan
from deploy.local.errors import Refused
from deploy.local.identity import Identity
from deploy.local.status import Status

T = TypeVar("T")


class RunDirectory:
    """Files of one running system.

    Args:
        path: The directory; it is made when it is first written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plan_file = path / "plan.json"
        self.supervisor_file = path / "supervisor.json"
        self.supervisor_log = path / "supervisor.log"
        self.derived = path / "derived"

    def log(self, name: str) -> Path:
        """Return where the output of a component goes."""
        return self.path / f"{name}.log"

    def hold(self, name: str) -> Path:
        """Return the file that, while it exists, asks the keeper to leave the component stopped."""
        return self.path / f"{name}.hold"

    def status_file(self, name: str) -> Path:
        """Return where a keeper tells how its component is."""
        return self.path / f"{name}.json"

    def plan(self) -> Plan | None:
        """Return what is to run, or None when nothing was started."""
        return _read(self.plan_file, Plan)

    def supervisor(self) -> Identity | None:
        """Return who runs it, or None; whether that process still lives is another question."""
        return _read(self.supervisor_file, Identity)

    def status(self, name: str) -> Status | None:
        """Return how a component is, or None when its keeper has not said anything yet."""
        return _read(self.status_file(name), Status)

    def leaders(self) -> list[Identity]:
        """Return every recorded process that opened a session of its own, the supervisor first."""
        found = [self.supervisor()]
        for name in self._names():
            status = self.status(name)
            found += [status.keeper, status.child] if status else []
        return [one for one in found if one is not None]

    def write(self, path: Path, value: object) -> None:
        """Replace a file in one step, so that nobody reads half of it."""
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(value)) + b"\n")
        fresh.replace(path)

    def forget(self) -> None:
        """Remove everything but the logs."""
        self.supervisor_file.unlink(missing_ok=True)
        for name in self._names():
            self.status_file(name).unlink(missing_ok=True)
            self.hold(name).unlink(missing_ok=True)
        shutil.rmtree(self.derived, ignore_errors=True)
        for half_written in self.path.glob(".*.json.*"):
            half_written.unlink(missing_ok=True)
        self.plan_file.unlink(missing_ok=True)

    def files(self) -> list[Path]:
        """Return what the system has written here, logs of components that run no more included."""
        patterns = ("*.json", ".*.json.*", "*.log", "*.log.1", "*.hold", "derived")
        return [path for pattern in patterns for path in self.path.glob(pattern)]

    def require_writable(self) -> None:
        """Look whether files can be made in it, before anything is started that would need them.

        Raises:
            Refused: They cannot.
        """
        try:
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise self._refused(error) from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands from starting or stopping the same system meanwhile.

        Raises:
            Refused: The directory cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise self._refused(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _refused(self, error: OSError) -> Refused:
        return Refused(f"The run directory {self.path} cannot be used: {error.strerror}.")

    def _names(self) -> list[str]:
        plan = self.plan()
        return [component.name for component in plan.components] if plan else []


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None
