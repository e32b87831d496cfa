"""Processes with sessions of their own, for tests that end them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local import identity
from deploy.local.identity import Identity

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
child.wait()
"""
PATIENT = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


class Family:
    """A process that opened a session, and one it started.

    Args:
        process: The parent.
        child: The other.
    """

    def __init__(self, process: "subprocess.Popen[str]", child: Identity) -> None:
        self.process = process
        self.child = child
        self.leader = known(process.pid)

    def kill_leader(self) -> None:
        """End the parent alone, as a crash would."""
        self.process.kill()
        self.process.wait()


def known(pid: int) -> Identity:
    """The identity of a process that is there."""
    found = identity.identify(pid)
    assert found is not None
    return found


@contextmanager
def family(child: str = PATIENT) -> Iterator[Family]:
    """A process in a session of its own that has started another one."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, child], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        found = Family(process, known(int(process.stdout.readline())))
        if child == DEAF:
            assert process.stdout.readline() == "deaf\n"
        try:
            yield found
        finally:
            for one in identity.session(found.leader):
                os.kill(one.pid, signal.SIGKILL)
