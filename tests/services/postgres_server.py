"""A real PostgreSQL of the tests' own, from Debian's server binaries; started by the tests, gone with them."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.fixtures.processes import free_port, wait_until

_QUICK = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=60")


@dataclass
class PostgresServer:
    """One server process; survives being stopped, hung and started again."""

    binaries: Path
    folder: Path
    account: str | None
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @classmethod
    def create(cls) -> "PostgresServer":
        """A server with an empty data folder of its own, not yet started.

        It refuses to run as root, so root lends it to the account that comes with Debian's package.
        """
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            raise FileNotFoundError("no PostgreSQL server binaries (Debian: apt install postgresql)")
        account = "postgres" if os.geteuid() == 0 else None
        folder = Path(tempfile.mkdtemp(prefix="postgres-for-tests-"))
        if account is not None:
            shutil.chown(folder, account)
        server = cls(found[-1].parent, folder, account)
        server.run("initdb", "--pgdata", str(folder / "data"), "--auth=trust", "--username=postgres", "--no-sync")
        return server

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end."""
        command = [str(self.binaries / program), *arguments]
        subprocess.run(command, check=True, user=self.account, cwd=self.folder, capture_output=True)

    def start(self) -> None:
        """Start and wait until it takes connections."""
        options = [f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}", *_QUICK]
        command = [str(self.binaries / "postgres"), "-D", str(self.folder / "data")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command + [word for option in options for word in ("-c", option)],
                user=self.account,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, "PostgreSQL does not answer:\n{}", self.folder / "log")

    def stop(self) -> None:
        """End it without ceremony: connections break."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
            self.process = None

    def hang(self) -> None:
        """Let nothing in it move any more."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """The end of :meth:`hang`."""
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop, and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder)

    def new_database(self) -> str:
        """The address of a new, empty database, as ``DATABASE_URL`` takes it."""
        name = f"db{next(self._numbers)}"
        self.run("createdb", "--host=127.0.0.1", f"--port={self.port}", "--username=postgres", name)
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def _answers(self) -> bool:
        try:
            self.run("pg_isready", "--quiet", "--host=127.0.0.1", f"--port={self.port}")
        except subprocess.CalledProcessError:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            for pid in (self.process.pid, *_children(self.process.pid)):
                os.kill(pid, number)


def _children(pid: int) -> Sequence[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
