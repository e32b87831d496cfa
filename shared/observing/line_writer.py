"""A line writer: a thread writes lines to a file descriptor, so that no caller waits.

The thread lets lines gather for a few milliseconds, so that under load it is woken, and takes the interpreter away from
whoever serves, once for many of them. When nobody reads them the queue fills, further lines are counted as dropped, and
the app goes on.

Several processes may write to one pipe, which keeps together only up to PIPE_BUF bytes that are written in one go
(POSIX, write): lines go into it in parcels of whole ones of that size, and a parcel that finds no room waits outside
the kernel. To release and take back the interpreter's lock for each parcel would cost more than to write it.
"""

import contextlib
import ctypes
import errno
import os
import queue
import select
import stat
import threading
from collections.abc import Iterator
from typing import Final

from shared.observing import metrics

_QUEUE_LINES: Final = 10_000
_DRAIN_SECONDS: Final = 2.0
_GATHER_SECONDS: Final = 0.01
_BATCH_LINES: Final = 1_000
_write_at_once = ctypes.PyDLL(None, use_errno=True).write  # keeps the interpreter, so it must not wait
_write_at_once.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
_write_at_once.restype = ctypes.c_ssize_t


class LineWriter:
    """A bounded queue of lines and the thread that writes them to a file descriptor."""

    def __init__(self, descriptor: int, capacity: int = _QUEUE_LINES) -> None:
        self._descriptor = descriptor
        self._unwaiting = _unwaiting(descriptor)
        self._torn = False
        self._capacity = capacity
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write_lines, name="log-writer", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Queue a line, newline included; never waits."""
        if self._lines.qsize() < self._capacity:
            self._lines.put(line)
        else:
            metrics.log_lines_dropped.inc()

    def close(self, timeout: float = _DRAIN_SECONDS) -> None:
        """Write what is queued, for at most ``timeout`` seconds."""
        self._lines.put(None)
        self._closing.set()
        self._thread.join(timeout)

    def _write_lines(self) -> None:
        ended = False
        while not ended:
            batch = [self._lines.get()]
            if batch[0] is not None and self._lines.qsize() < _BATCH_LINES:
                self._closing.wait(_GATHER_SECONDS)
            with contextlib.suppress(queue.Empty):
                while batch[-1] is not None and len(batch) < _BATCH_LINES:
                    batch.append(self._lines.get_nowait())
            ended = batch[-1] is None
            data = b"".join([line for line in batch if line is not None])
            for parcel in parcels(data, len(data) if self._is_file() else select.PIPE_BUF):
                self._write(parcel)
        if self._unwaiting is not None:
            os.close(self._unwaiting)

    def _is_file(self) -> bool:
        """Whether it keeps together whatever is written in one go."""
        try:
            return stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        except OSError:
            return False

    def _write(self, data: bytes) -> None:
        """Write all of it; where that cannot be done, see to it that the next line is not taken for the end of this."""
        written = 0
        if self._torn:
            data = b"\n" + data
        try:
            while written < len(data):
                written += self._write_some(data[written:] if written else data)
        except OSError:
            metrics.log_lines_dropped.inc(data.count(b"\n", max(written, self._torn)))
        if written:
            self._torn = data[written - 1] != ord("\n")

    def _write_some(self, data: bytes) -> int:
        if self._unwaiting is None:
            return self._wait_and_write(self._descriptor, data)
        written: int = _write_at_once(self._unwaiting, data, len(data))
        if written >= 0:
            return written
        if (error := ctypes.get_errno()) not in (errno.EAGAIN, errno.EINTR):
            raise OSError(error, os.strerror(error))
        return self._wait_and_write(self._unwaiting, data)

    def _wait_and_write(self, descriptor: int, data: bytes) -> int:
        while True:
            try:
                return os.write(descriptor, data)
            except BlockingIOError:
                room = select.poll()
                room.register(descriptor, select.POLLOUT)
                room.poll()


def parcels(data: bytes, most: int) -> Iterator[bytes]:
    """The same lines in the same order, together up to ``most`` bytes; what is longer goes alone."""
    start = 0
    while len(data) - start > most:
        end = data.rfind(b"\n", start, start + most) + 1 or data.find(b"\n", start + most) + 1
        yield data[start:end]
        start = end
    if start < len(data):
        yield data[start:]


def _unwaiting(descriptor: int) -> int | None:
    """Another descriptor of the same pipe that does not wait; whoever shares the first one is not to notice.

    None where it is no pipe, or /proc does not tell.
    """
    with contextlib.suppress(OSError):
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
    return None
