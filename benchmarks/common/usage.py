"""Who used the processors and how much memory: from /proc, and from the kernel's clock of each process."""

import ctypes
import os
import re
import time
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_libc: Final = ctypes.CDLL(None)
_proportional = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def tree(root: int) -> Sequence[int]:
    """A process and all its descendants, by their ids."""
    found = [root]
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:  # the thread has ended
                continue
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Time on a processor that these processes have had, all their threads together."""
    total = 0.0
    for pid in pids:
        clock = ctypes.c_int()
        if _libc.clock_getcpuclockid(pid, ctypes.byref(clock)) == 0:
            total += time.clock_gettime(clock.value)
    return total


def memory_mib(pids: Iterable[int]) -> float:
    """Memory of these processes; what they share with others counts in shares (PSS)."""
    total = 0
    for pid in pids:
        try:
            found = _proportional.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
        except OSError:
            continue
        total += int(found[1]) if found else 0
    return total / 1024


def busy_seconds(cores: AbstractSet[int]) -> float:
    """Time that these processors were not idle, or were taken away by the host of this virtual machine."""
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cores:
            user, nice, system, _idle, _waiting, *interrupts_and_stolen = map(int, fields[:8])
            ticks += user + nice + system + sum(interrupts_and_stolen)
    return ticks / _TICKS_A_SECOND
