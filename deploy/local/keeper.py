"""Keeps one component running: `python -m deploy.local.keeper RUN_DIRECTORY NAME SUPERVISOR`.

The component gets a session of its own, so that whatever it has started is found and ended with it, and writes
straight into its log file, so that a busy one costs nobody else anything. The keeper ends on SIGTERM, and by itself
when its supervisor is gone.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from deploy.local import identity, termination
from deploy.local.component import Component
from deploy.local.identity import Identity
from deploy.local.restart_policy import Action, RestartPolicy
from deploy.local.run_directory import RunDirectory
from deploy.local.say import say
from deploy.local.status import Phase, Status

STEP_SECONDS = 0.2
CHECK_SECONDS = 1.0
LOG_BYTES = 20_000_000


class Keeper:
    """One component and its process.

    Args:
        run: The run directory.
        component: What is kept.
        root: The current directory of the process.
        supervisor: The number of the process that supervises it.
    """

    def __init__(self, run: RunDirectory, component: Component, root: str, supervisor: int) -> None:
        self._run = run
        self._component = component
        self._root = root
        self._policy = RestartPolicy()
        self._child: subprocess.Popen[bytes] | None = None
        self._child_identity: Identity | None = None
        self._exit_status: int | None = None
        self._published: Status | None = None
        self._me = identity.identify(os.getpid())
        self._supervisor = supervisor
        self._next_check = 0.0
        self._orphaned = False
        self._ending = False

    def run(self) -> None:
        """Keep the component running until asked to end."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        log = self._run.log(self._component.name)
        if log.exists():
            log.replace(_older(log))
        while self._step(time.monotonic()):
            time.sleep(STEP_SECONDS)
            _bound(log)
        self._run.status_file(self._component.name).unlink(missing_ok=True)

    def _end(self, *_: object) -> None:
        self._ending = True

    def _step(self, now: float) -> bool:
        alive = self._child is not None and self._child.poll() is None
        if self._child is not None and not alive:
            self._collect(self._child.returncode)
        hold = self._run.hold(self._component.name).exists()
        action = self._policy.step(now, alive=alive, hold=hold, end=self._ending or self._is_orphaned(now))
        if action is Action.START:
            self._start()
        elif action is Action.TERMINATE and self._child is not None:
            self._child.terminate()
        elif action is Action.KILL and self._child_identity is not None:
            termination.terminate([self._child_identity], grace=0)
        self._publish_status()
        return action is not Action.END

    def _is_orphaned(self, now: float) -> bool:
        if now >= self._next_check and not self._orphaned:
            self._next_check = now + CHECK_SECONDS
            recorded = self._run.supervisor()
            self._orphaned = recorded is None or recorded.pid != self._supervisor or not identity.alive(recorded)
        return self._orphaned

    def _start(self) -> None:
        environment = {**os.environ, **self._component.environment}
        with self._run.log(self._component.name).open("ab") as log:
            try:
                self._child = subprocess.Popen(  # noqa: S603 - the plan's own command
                    self._component.command,
                    cwd=self._root,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                log.write(f"{self._component.command[0]}: {error.strerror}\n".encode())
                self._exit_status = 127
                return
        self._child_identity = identity.identify(self._child.pid)

    def _collect(self, exit_status: int) -> None:
        # Workers may outlive the process that started them, and would hold its port.
        if self._child_identity is not None:
            termination.terminate([self._child_identity], grace=0)
        self._child, self._child_identity, self._exit_status = None, None, exit_status

    def _publish_status(self) -> None:
        if self._me is None:
            return
        policy = self._policy
        published = Status(
            self._me,
            policy.phase,
            self._child_identity,
            policy.deaths,
            self._exit_status,
            policy.next_start,
        )
        if published == self._published:
            return
        before, self._published = self._published, published
        self._run.write(self._run.status_file(self._component.name), published)
        if published.phase is Phase.PAUSING and published.next_start is not None:
            pause = round(published.next_start - time.monotonic())
            say(f"{self._component.name} ended ({published.exit_status}); it is started again in {pause} s")
        elif before is not None and published.phase is not before.phase:
            say(f"{self._component.name} is {published.phase}")


def _older(log: Path) -> Path:
    return log.with_name(f"{log.name}.1")


def _bound(log: Path, size: int = LOG_BYTES) -> None:
    # The component goes on appending to the same file, so it is emptied, not replaced.
    if log.exists() and log.stat().st_size > size:
        shutil.copyfile(log, _older(log))
        os.truncate(log, 0)


def main(arguments: list[str]) -> int:
    """Run one keeper.

    Args:
        arguments: The run directory, the component's name and the number of the supervisor.
    """
    run, name = RunDirectory(Path(arguments[0])), arguments[1]
    plan = run.plan()
    component = plan.component(name) if plan else None
    if plan is None or component is None:
        return 1
    Keeper(run, component, plan.root, int(arguments[2])).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
