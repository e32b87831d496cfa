"""Runs one keeper a component until it is asked to end: `python -m deploy.local.supervise RUN_DIRECTORY`.

honcho starts the keepers, tells what they say with a prefix each, and ends all of them together.
"""

import os
import shlex
import sys
from pathlib import Path

from honcho.manager import Manager
from honcho.printer import Printer

from deploy.local import identity, termination
from deploy.local.run_directory import RunDirectory
from deploy.local.say import say

GRACE_SECONDS = 1.0


def main(arguments: list[str]) -> int:
    """Run what the plan in the run directory names.

    Args:
        arguments: The run directory.
    """
    run = RunDirectory(Path(arguments[0]))
    plan, me = run.plan(), identity.identify(os.getpid())
    if plan is None or me is None:
        say(f"{run.plan_file} holds no plan.")
        return 1
    manager = Manager(Printer(sys.stdout, colour=False))
    for component in plan.components:
        keeper = [sys.executable, "-m", "deploy.local.keeper", str(run.path), component.name, str(me.pid)]
        # honcho goes through a shell, which is to step aside so that signals reach the keeper.
        manager.add_process(component.name, f"exec {shlex.join(keeper)}", cwd=plan.root)
    run.write(run.supervisor_file, me)
    try:
        manager.loop()
    except KeyError:
        # honcho 2.0 looks up numbers it does not have yet when a signal comes while processes are started. One
        # that was started at that very moment finds that its supervisor is not the one recorded, and ends.
        say("Ended while starting.")
    finally:
        run.supervisor_file.unlink(missing_ok=True)
        termination.terminate([one for one in run.leaders() if one != me], grace=GRACE_SECONDS)
        run.forget()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
