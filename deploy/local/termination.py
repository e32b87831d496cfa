"""Ends processes that were recorded, with everything they started."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable

from deploy.local import identity
from deploy.local.identity import Identity

STEP_SECONDS = 0.05


def terminate(leaders: Iterable[Identity], *, grace: float) -> int:
    """End the sessions that these processes opened: SIGTERM, and SIGKILL for what is left after the grace.

    Args:
        leaders: Processes that opened a session; what has ended already is passed over.
        grace: Seconds to end by itself; 0 for SIGKILL at once.

    Returns:
        How many processes were still running.
    """
    wanted = list(leaders)
    found = _running(wanted)
    if grace > 0:
        _signal(found, signal.SIGTERM)
    limit = time.monotonic() + grace
    while running := _running(wanted):
        if time.monotonic() >= limit:
            _signal(running, signal.SIGKILL)
        time.sleep(STEP_SECONDS)
    return len(found)


def _running(leaders: list[Identity]) -> list[Identity]:
    return [process for leader in leaders for process in identity.session(leader)]


def _signal(processes: list[Identity], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, number)
