"""Starts and ends the supervisor, and knows whether it lives."""

import contextlib
import os
import signal
import subprocess
import sys
import time

from deploy.local import identity, signals, termination
from deploy.local.component import Plan
from deploy.local.errors import Refused
from deploy.local.run_directory import RunDirectory

STEP_SECONDS = 0.05
LAUNCH_SECONDS = 20.0
BEGIN_SECONDS = 3.0
# honcho gives keepers five seconds after the first has ended; what is left then is ended by us.
END_SECONDS = 12.0


def is_alive(run: RunDirectory) -> bool:
    """Tell whether a supervisor runs what the run directory names."""
    recorded = run.supervisor()
    return recorded is not None and identity.alive(recorded)


def clear(run: RunDirectory) -> int:
    """Clean up after a supervisor that was killed.

    Returns:
        How many processes it had left behind.
    """
    left = termination.terminate(run.leaders(), grace=END_SECONDS / 2)
    run.forget()
    return left


def launch(run: RunDirectory, plan: Plan) -> None:
    """Start a supervisor that outlives this command.

    Raises:
        Refused: It did not come up.
        Interrupted: A signal came meanwhile.
    """
    # A process that starts while a signal comes must not be lost sight of.
    with signals.deferred():
        run.write(run.plan_file, plan)
        with run.supervisor_log.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "deploy.local.supervise", str(run.path)],
                cwd=plan.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait_until_alive(run, process)
        except Refused:
            process.kill()
            process.wait()
            clear(run)
            # One for the whole group of processes ends a supervisor that has not left the group yet.
            signals.check()
            raise
        # It is meant to outlive this process, which is no reason to warn.
        process.returncode = 0


def end(run: RunDirectory) -> None:
    """End the supervisor with everything it runs, and clean up."""
    recorded = run.supervisor()
    if recorded is not None and identity.alive(recorded):
        _wait_until_started(run)
        with contextlib.suppress(ProcessLookupError):
            os.kill(recorded.pid, signal.SIGTERM)
        limit = time.monotonic() + END_SECONDS
        while identity.alive(recorded) and time.monotonic() < limit:
            time.sleep(STEP_SECONDS)
    clear(run)


def _wait_until_started(run: RunDirectory) -> None:
    # honcho 2.0 stumbles over a signal that comes before it knows all its processes.
    plan, limit = run.plan(), time.monotonic() + BEGIN_SECONDS
    names = [component.name for component in plan.components] if plan else []
    while is_alive(run) and time.monotonic() < limit and not all(map(run.status, names)):
        time.sleep(STEP_SECONDS)


def _wait_until_alive(run: RunDirectory, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + LAUNCH_SECONDS
    while not is_alive(run):
        if process.poll() is not None or time.monotonic() > limit:
            raise Refused("The supervisor did not come up.", run.supervisor_log.read_text().strip())
        time.sleep(STEP_SECONDS)
