"""The data directory: whether it can be used, and how it becomes empty."""

import os
import shutil
import tempfile
from pathlib import Path

from deploy.local import permissions
from deploy.local.errors import Refused

# Only what the system itself puts there is ever removed, whatever directory a person names.
FOLDERS = ("prometheus", "alertmanager", "grafana", "issuer")
DATABASES = ("users.db", "orders.db", "products.db")
ADDITIONS = ("", "-journal", "-shm", "-wal")


def prepare(directory: Path, *, clean: bool) -> None:
    """Make the data directory ready for use.

    Args:
        directory: Where data goes; it is made where it is missing.
        clean: Whether to remove what earlier runs have left.

    Raises:
        Refused: It cannot be used.
    """
    if any(sign in str(directory) for sign in "?#"):
        raise Refused(f"The data directory {directory} cannot be used: its path has a ? or a # in it.")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
        if clean:
            _empty(directory)
    except OSError as error:
        raise Refused(f"The data directory {directory} cannot be used: {error.strerror}.") from error
    permissions.restrict(directory / name for name in FOLDERS)
    files = [directory / f"{name}{addition}" for name in DATABASES for addition in ADDITIONS]
    permissions.restrict(files)
    broken = [file for file in files if file.exists() and not (file.is_file() and os.access(file, os.W_OK))]
    broken += [
        folder
        for name in FOLDERS
        if (folder := directory / name).exists() and not (folder.is_dir() and os.access(folder, os.W_OK))
    ]
    if broken:
        raise Refused(*(f"{path} cannot be written." for path in broken), "Mend that, or name another --data.")


def _empty(directory: Path) -> None:
    for name in FOLDERS:
        if (directory / name).is_dir():
            shutil.rmtree(directory / name)
    for name in DATABASES:
        for addition in ADDITIONS:
            (directory / f"{name}{addition}").unlink(missing_ok=True)
