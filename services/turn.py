"""One process at a time, of those on one machine: a lock beside a file, which the kernel takes from whoever ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotOurTurn(Exception):
    """Another process holds it."""


@contextmanager
def turn(file: Path) -> Iterator[None]:
    """Have the turn at ``file`` for the time of the context.

    The lock stands in a file of its own: closing any descriptor of a database would end SQLite's locks on it
    (https://www.sqlite.org/howtocorrupt.html §2.2).

    Raises:
        NotOurTurn: somebody else has it.
        OSError: there can be no lock, in a folder that may only be read for example.
    """
    descriptor = os.open(file.with_name(f"{file.name}-turn"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotOurTurn from None
        yield
    finally:
        os.close(descriptor)
