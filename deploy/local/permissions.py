"""What the system writes is for whoever started it alone: passwords stand in its plan, people in its databases."""

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

UMASK = 0o077


def set_umask() -> None:
    """Let all that this process and its children make from now on be private."""
    os.umask(UMASK)


def restrict(paths: Iterable[Path]) -> None:
    """Take away from others what an earlier version, or a foreign hand, allowed them; links are not followed."""
    for path in paths:
        with contextlib.suppress(OSError):
            mode = path.lstat().st_mode
            if mode & UMASK and (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                path.chmod(stat.S_IMODE(mode) & ~UMASK)
