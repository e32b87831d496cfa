"""Broken pipes: the reader of what a program prints may stop early (``python -m bff --check | head``)."""

import contextlib
import os
import select
import signal
import sys
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def tolerate_broken_pipe() -> Iterator[None]:
    """Drop what nobody reads any more of all that is printed meanwhile: no traceback, and the same exit status.

    Raises:
        SystemExit: With what a shell makes of SIGPIPE, when there was so much more to print that it could not go on.
    """
    try:
        yield
    except BrokenPipeError:
        if not any(map(_is_broken, (sys.stdout, sys.stderr))):
            raise
        raise SystemExit(128 + signal.SIGPIPE) from None
    finally:
        for stream in (sys.stdout, sys.stderr):
            _drop_unread(stream)


def _is_broken(stream: TextIO) -> bool:
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return bool(poll.poll(0))  # asked for nothing it tells of a reader who left


def _drop_unread(stream: TextIO) -> None:
    try:
        stream.flush()
    except BrokenPipeError:
        # Python tries once more at its end.
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
            os.dup2(nowhere.fileno(), stream.fileno())
