"""The table of what runs where."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from deploy.local import probe
from deploy.local.component import Component, Plan
from deploy.local.run_directory import RunDirectory
from deploy.local.status import Phase, Status

HEALTHY = "healthy"
STOPPED = "stopped"


class Row(NamedTuple):
    """One line of the table, as it is shown."""

    name: str
    url: str
    pid: str
    state: str
    log: str


def state(component: Component, status: Status | None, now: float) -> str:
    """Return in words how a component is.

    Args:
        component: Which one.
        status: What its keeper tells.
        now: Seconds of the machine's monotonic clock.
    """
    if status is None:
        return "not started"
    if status.phase is Phase.HELD:
        return STOPPED
    if status.phase is Phase.STOPPING:
        return "stopping"
    if status.phase is Phase.PAUSING and status.next_start is not None:
        return f"ended ({status.exit_status}), starts in {max(0, round(status.next_start - now))} s"
    reason = probe.ask(component.probe)
    return HEALTHY if reason is None else reason


def rows(plan: Plan, run: RunDirectory) -> list[Row]:
    """Return a row for each component that runs."""
    found = []
    for component in plan.components:
        status = run.status(component.name)
        pid = str(status.child.pid) if status and status.child else "-"
        how = state(component, status, time.monotonic())
        found.append(Row(component.name, component.url or "-", pid, how, run.log(component.name).name))
    return found


def draw(lines: Iterable[Row], logs: Path) -> list[str]:
    """Return the lines of a table, with headings, each column as wide as it needs to be.

    Args:
        lines: What to show.
        logs: The directory of the logs.
    """
    table = [Row("component", "URL", "pid", "state", f"log (in {logs})"), *lines]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def absent(plan: Plan) -> list[str]:
    """Return a line for each component that does not run, with the way to get it."""
    return [f"{one.name}: {one.reason}.{f' {one.remedy}' if one.remedy else ''}" for one in plan.absent]
