"""What the figures were made on."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

_model = re.compile(r"^model name\s*: (.*)$", re.MULTILINE)
_hypervisor = re.compile(r"^flags\s*:.*\bhypervisor\b", re.MULTILINE)


def machine() -> str:
    """A sentence about processors, system and versions."""
    about = Path("/proc/cpuinfo").read_text()
    model = _model.search(about)
    cores = len(os.sched_getaffinity(0))
    words = [
        f"{cores} {'processor' if cores == 1 else 'processors'} ({model[1] if model else platform.machine()})",
        *(["a virtual machine"] if _hypervisor.search(about) else []),
        f"Linux {platform.release()}",
        f"Python {platform.python_version()}",
        *(f"{name} {version(name)}" for name in ("sanic", "uvloop", "aiohttp")),
    ]
    return ", ".join(words)
