"""Waits until every component is well, and shows how far that is."""

import sys
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from deploy.local import probe, signals
from deploy.local.component import Component
from deploy.local.run_directory import RunDirectory
from deploy.local.say import say

STEP_SECONDS = 0.1


class Failure(NamedTuple):
    """A component that did not come up.

    Attributes:
        name: Which one.
        reason: What is the matter.
    """

    name: str
    reason: str


def wait(
    components: Iterable[Component],
    run: RunDirectory,
    supervised: Callable[[], bool],
    *,
    timeout: float,
    tolerant: bool = False,
) -> list[Failure]:
    """Wait until every component is well, one of them has died, or time is up.

    Args:
        components: What to wait for.
        run: Where keepers tell how they are.
        supervised: Tells whether the supervisor still lives.
        timeout: Seconds.
        tolerant: Whether one that has died is waited for like the others.

    Returns:
        What did not come up; nothing when all is well.
    """
    started = time.monotonic()
    waiting = {component.name: component for component in components}
    reasons: dict[str, str] = {}
    line = _Line()
    try:
        while waiting:
            signals.check()
            for component in list(waiting.values()):
                elapsed = time.monotonic() - started
                reason = _reason(component, run)
                if reason is None:
                    del waiting[component.name]
                    line.clear()
                    say(f"  {component.name:<16} healthy after {elapsed:.1f} s")
                else:
                    reasons[component.name] = reason
            elapsed = time.monotonic() - started
            dead = [] if tolerant else [name for name in waiting if _has_died(run, name)]
            if not supervised():
                return [Failure("supervisor", "has ended")]
            if dead:
                return [Failure(name, _ended(run, name)) for name in dead]
            if elapsed > timeout:
                return [Failure(name, reasons[name]) for name in waiting]
            line.show(f"  waiting for {', '.join(waiting)} ({elapsed:.0f} s)")
            time.sleep(STEP_SECONDS)
    finally:
        line.clear()
    return []


def _reason(component: Component, run: RunDirectory) -> str | None:
    status = run.status(component.name)
    if status is None or status.child is None:
        return "not started"
    return probe.ask(component.probe)


def _has_died(run: RunDirectory, name: str) -> bool:
    status = run.status(name)
    return status is not None and status.deaths > 0


def _ended(run: RunDirectory, name: str) -> str:
    status = run.status(name)
    return f"has ended ({status.exit_status})" if status else "has ended"


class _Line:
    """One line that is written over and over; only a terminal gets it."""

    def __init__(self) -> None:
        self._shown = False

    def show(self, text: str) -> None:
        if sys.stdout.isatty():
            sys.stdout.write(f"\r\033[K{text}")
            sys.stdout.flush()
            self._shown = True

    def clear(self) -> None:
        if self._shown:
            sys.stdout.write("\r\033[K")
            self._shown = False
