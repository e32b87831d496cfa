"""One process of the system: started on a port of its own, hurt, started again, and ended by its id."""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from benchmarks.common.place import HERE, Place

_ROOT: Final = Path(__file__).resolve().parents[2]
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_PROBE_SECONDS: Final = 2.0
_LOOK_AGAIN_SECONDS: Final = 0.02
_KEPT: Final = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE")
_SYSTEM_PATH: Final = "/usr/sbin:/usr/local/sbin:/sbin"
_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None)


class CannotRun(Exception):
    """The system could not be brought to run, so there is nothing to measure."""


def installed(program: str, package: str) -> str:
    """The path of a program of Debian's ``package``, which may be among those of the system's own.

    Raises:
        CannotRun: it is not there.
    """
    path = shutil.which(program) or shutil.which(program, path=_SYSTEM_PATH)
    if path is None:
        raise CannotRun(f"There is no program {program}, of Debian's package {package}.")
    return path


class Process:
    """A server of ours; ready when it answers ``question`` with something that begins with ``answer``."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        port: int,
        folder: Path,
        *,
        cores: AbstractSet[int] = frozenset(),
        place: Place = HERE,
    ) -> None:
        """``folder`` takes its log and its temporary files; it runs on ``cores`` alone, if there are any.

        It is to listen on the loopback address of its ``place``, beside others.
        """
        self.name = name
        self.port = port
        self.question = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        self.answer = b"HTTP/1.1 200"
        self.log = folder / f"{name}.log"
        self.status: int | None = None  # of its last end
        self._command = command
        own = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._environment = own | {"TMPDIR": str(folder), "PYTHONPATH": str(_ROOT)} | dict(environment)
        self._folder = folder  # where it runs too, so that nobody's .env has a say
        self._cores = cores
        self._place = place
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its id; 0 while it does not run."""
        return 0 if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start it, and wait until it takes traffic.

        Raises:
            CannotRun: with the end of its log, when it does not within a minute.
        """
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=self._before_it_runs,
            )
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await self._is_ready():
                    if self._process.returncode is not None:
                        raise CannotRun(f"{self.name} ended at its start:\n{self._last_lines()}")
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        except TimeoutError:
            raise CannotRun(f"{self.name} is not ready after {_START_SECONDS:.0f} s:\n{self._last_lines()}") from None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP hangs it, SIGCONT wakes it."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            self.status = await self._process.wait()
            self._process = None

    async def end(self) -> None:
        """Have it stop by itself, and kill it and its children where it does not."""
        if self._process is None:
            return
        children = self.children()
        for number in (signal.SIGCONT, signal.SIGTERM):
            self.signal(number)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
                children = ()
        except TimeoutError:
            pass
        finally:  # an end that is itself interrupted leaves nothing running either
            self.signal(signal.SIGKILL)
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        await self.kill()

    def children(self) -> Sequence[int]:
        """The workers that it has, by their ids in the order of their start."""
        if self._process is None:
            return ()
        lists = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        return sorted(child for file in lists for child in _ids(file) if _is_worker(child))

    async def _is_ready(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                reader, writer = await self._place.connect(self.port)
                try:
                    writer.write(self.question)
                    return await reader.readexactly(len(self.answer)) == self.answer
                finally:
                    writer.transport.abort()
        except (OSError, EOFError):
            return False

    def _before_it_runs(self) -> None:
        # The kernel is to kill it when this process ends without having ended it.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        self._place.enter()
        if self._cores:
            os.sched_setaffinity(0, self._cores)

    def _last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])


def _ids(file: Path) -> Sequence[int]:
    try:
        return [int(child) for child in file.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):  # the thread has ended
        return ()


def _is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
