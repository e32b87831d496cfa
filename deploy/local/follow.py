"""Shows what all components write, as it is written, with a prefix each."""

import datetime
import sys
import time
from collections.abc import Callable
from pathlib import Path

from honcho.colour import get_colours
from honcho.printer import Message, Printer

from deploy.local import signals
from deploy.local.component import Plan
from deploy.local.run_directory import RunDirectory

STEP_SECONDS = 0.2
# A terminal does not keep up with a load test: what it is behind by more than this is passed over.
BEHIND_BYTES = 1_000_000


class Tail:
    """The end of a file that grows, and may be emptied.

    Args:
        path: The file; it may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = path.stat().st_size if path.exists() else 0

    def lines(self) -> list[bytes]:
        """Return the whole lines written since the last time."""
        if not self._path.exists():
            return []
        size = self._path.stat().st_size
        skipped = size - self._position > BEHIND_BYTES
        if size < self._position or skipped:
            self._position = max(0, size - BEHIND_BYTES // 10)
        with self._path.open("rb") as file:
            file.seek(self._position)
            whole = file.read(BEHIND_BYTES).rpartition(b"\n")
        self._position += len(whole[0]) + len(whole[1])
        lines = whole[0].splitlines()
        return [b"...", *lines[1:]] if skipped else lines


def follow(plan: Plan, run: RunDirectory, supervised: Callable[[], bool]) -> None:
    """Show logs until the supervisor ends; a signal ends it earlier, as an exception.

    Args:
        plan: What runs.
        run: Where the logs are.
        supervised: Tells whether the supervisor still lives.
    """
    names = [component.name for component in plan.components]
    printer = Printer(sys.stdout, width=max(map(len, names)))
    sources = [(name, Tail(run.log(name)), colour) for name, colour in zip(names, get_colours(), strict=False)]
    keepers = Tail(run.supervisor_log)
    while supervised():
        signals.check()
        now = datetime.datetime.now().astimezone()
        for name, tail, colour in sources:
            for line in tail.lines():
                printer.write(Message("line", line, now, name, colour))
        for line in keepers.lines():
            # It has its prefix already.
            sys.stdout.write(f"{line.decode(errors='replace')}\n")
        time.sleep(STEP_SECONDS)
