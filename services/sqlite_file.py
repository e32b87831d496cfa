"""A SQLite file on disk: how to open it, and whether it is still the same file.

A file may be put in the place of another, or taken away, while connections to the old one go on as if nothing had
happened; and one that may only be read is of use as long as nobody tries to write to it.
"""

import os
from pathlib import Path
from urllib.parse import quote

Identity = tuple[int, int]
"""Device and inode, which no other file has while a connection holds this one."""


def identity(path: Path) -> Identity | None:
    """Which file is at ``path``; None when there is none to be found."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def version(path: Path) -> str | None:
    """Tells the file at ``path`` from any that was, or will be, in its place; None when there is none to be found.

    An inode is used again once nobody holds it, but not with the instant of its last change.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return f"{found.st_dev:x}.{found.st_ino:x}.{found.st_ctime_ns:x}"


def address(path: Path) -> str:
    """What opens the file for reading (https://www.sqlite.org/uri.html); one that has vanished is not made.

    A log of writes needs an index beside the file (https://www.sqlite.org/wal.html#readonly). Where none can be made,
    and nobody else keeps a log there, the file is taken for one that does not change until it is replaced.
    """
    mode = "mode=rw"  # which SQLite makes read-only by itself where it must
    if not os.access(path.parent, os.W_OK):
        mode = "mode=ro" if _is_written_to(path) else "mode=ro&immutable=1"
    return f"file:{quote(str(path))}?{mode}"


def _is_written_to(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return path.with_name(f"{path.name}-shm").exists() or (log.exists() and log.stat().st_size > 0)
