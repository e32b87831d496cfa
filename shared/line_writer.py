"""Lines to a file descriptor, written by a thread so that nobody waits.

The thread lets lines gather for a few milliseconds, so that under load it is woken, and takes the interpreter away from
whoever serves, once for many of them. When nobody reads them the queue fills, further lines are counted as dropped, and
the app goes on.
"""

import contextlib
import os
import queue
import threading
from typing import Final

from shared import metrics

_QUEUE_LINES: Final = 10_000
_DRAIN_SECONDS: Final = 2.0
_GATHER_SECONDS: Final = 0.01
_BATCH_LINES: Final = 1_000


class LineWriter:
    """A bounded queue of lines and the thread that writes them to a file descriptor."""

    def __init__(self, descriptor: int, capacity: int = _QUEUE_LINES) -> None:
        self._descriptor = descriptor
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
            lines = [line for line in batch if line is not None]
            self._write(b"".join(lines), len(lines))

    def _write(self, data: bytes, lines: int) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            metrics.log_lines_dropped.inc(lines)
