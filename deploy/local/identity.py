"""Which process is meant, beyond its number: numbers are reused once a process has ended.

A process is its number and its start, so a recorded process is never mistaken for a later one. On Linux the start
is read from /proc in clock ticks since boot, which setting the clock does not move; elsewhere `ps` tells it.
"""

import functools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

PROC = Path("/proc")


class Identity(msgspec.Struct, frozen=True):
    """One process.

    Attributes:
        pid: Its number.
        started: When it started, in a form that only serves to be compared.
    """

    pid: int
    started: str


def identify(pid: int) -> Identity | None:
    """Return who has that number now; None when nobody has, or only an ended process not yet collected."""
    if (PROC / "self/stat").exists():
        return _from_proc(pid)
    return next((one for one in _from_ps() if one.pid == pid), None)


def alive(process: Identity) -> bool:
    """Tell whether this very process still runs."""
    return identify(process.pid) == process


def session(leader: Identity) -> list[Identity]:
    """Return what still runs of the session that this process opened, itself included.

    The kernel gives a number to nobody else while a session carries it: when another process has the leader's
    number, nothing of its session is left.
    """
    now = identify(leader.pid)
    if now is not None and now != leader:
        return []
    return [one for one in _everyone() if _session_of(one.pid) == leader.pid]


def _everyone() -> Iterator[Identity]:
    if not (PROC / "self/stat").exists():
        yield from _from_ps()
        return
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (found := _from_proc(int(entry.name))) is not None:
            yield found


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _from_proc(pid: int) -> Identity | None:
    try:
        # The name in parentheses may hold anything, so fields are counted from behind it.
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, started = fields[0], fields[19]
    return None if state in {"Z", "X"} else Identity(pid, f"{_boot()}/{started}")


@functools.cache
def _boot() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def _from_ps() -> Iterator[Identity]:
    command = ["ps", "-A", "-o", "pid=", "-o", "stat=", "-o", "lstart="]
    listing = subprocess.run(  # noqa: S603 - fixed arguments
        command, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=True
    )
    for line in listing.stdout.splitlines():
        pid, state, started = line.split(None, 2)
        if not state.startswith("Z"):
            yield Identity(int(pid), " ".join(started.split()))
