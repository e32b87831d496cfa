"""Structured logs: one JSON object a line on standard output, written by a thread so that the loop never waits.

Two ways lead in: :func:`log` for our own events, and the standard ``logging`` tree for libraries. When nobody
reads the output the queue fills, further lines are counted as dropped, and the app goes on.
"""

import contextlib
import logging
import os
import queue
import sys
import threading
import time
import traceback
from typing import Final, Protocol

import orjson

from shared import metrics
from shared.moments import rfc3339
from shared.tracing import current_trace

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_QUEUE_LINES: Final = 10_000
_DRAIN_SECONDS: Final = 2.0


class LineWriter:
    """A bounded queue of lines and the thread that writes them to a file descriptor."""

    def __init__(self, descriptor: int, capacity: int = _QUEUE_LINES) -> None:
        self._descriptor = descriptor
        self._capacity = capacity
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
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
        self._thread.join(timeout)

    def _write_lines(self) -> None:
        while (line := self._lines.get()) is not None:
            batch = [line]
            ended = False
            with contextlib.suppress(queue.Empty):
                while len(batch) < 256:
                    more = self._lines.get_nowait()
                    if more is None:
                        ended = True
                        break
                    batch.append(more)
            self._write(b"".join(batch), len(batch))
            if ended:
                return

    def _write(self, data: bytes, lines: int) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            metrics.log_lines_dropped.inc(lines)


class Lines(Protocol):
    """What takes lines; it must not wait."""

    def put(self, line: bytes) -> None:
        """Take a line, newline included."""
        ...

    def close(self) -> None:
        """No more lines come."""
        ...


class _Sink:
    """What this process logs as, from where on, and to whom."""

    service = ""
    threshold = _LEVELS["info"]
    writer: Lines | None = None


_sink = _Sink()


def configure(service: str, level: str) -> None:
    """Send this process's logs, libraries' included, to standard output as ``service``."""
    sys.stdout.flush()
    _sink.service = service
    _sink.threshold = _LEVELS[level]
    if _sink.writer is None:
        _sink.writer = LineWriter(sys.stdout.fileno())
    root = logging.getLogger()
    root.handlers = [_StandardLogging()]
    root.setLevel(_sink.threshold)
    for name in ("sanic.root", "sanic.error", "sanic.access", "sanic.server", "sanic.websockets"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        # Sanic's start and stop banter is below what our own events already say.
        library.setLevel(max(_sink.threshold, logging.WARNING))
    logging.captureWarnings(True)


def send_to(lines: Lines | None) -> None:
    """Give lines to something else than standard output, or to nobody."""
    _sink.writer = lines


def flush() -> None:
    """Write what is still queued; for the end of the process."""
    if _sink.writer is not None:
        _sink.writer.close()
        _sink.writer = None


def log(level: str, event: str, logger: str, **facts: object) -> None:
    """Log an event of ours with its facts (JSON values; secrets and personal data have no business here)."""
    if _LEVELS[level] >= _sink.threshold and _sink.writer is not None:
        _sink.writer.put(_line(level, event, logger, facts))


def _line(level: str, event: str, logger: str, facts: dict[str, object]) -> bytes:
    trace = current_trace.get()
    document: dict[str, object] = {
        "timestamp": rfc3339(time.time()),
        "level": level,
        "event": event,
        "logger": logger,
        "service": _sink.service,
        "request_id": trace.request_id if trace else None,
        "trace_id": trace.trace_id if trace else None,
    }
    return orjson.dumps(document | facts, default=str, option=orjson.OPT_APPEND_NEWLINE)


class _StandardLogging(logging.Handler):
    """Turns records of the standard logging tree into the same lines."""

    def emit(self, record: logging.LogRecord) -> None:
        writer = _sink.writer
        if writer is None:
            return
        facts: dict[str, object] = {}
        if record.exc_info and record.exc_info[1] is not None:
            facts = exception_facts(record.exc_info[1])
        level = record.levelname.lower()
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        line = _line(level if level in _LEVELS else "error", _printable(message), record.name, facts)
        writer.put(line)


def exception_facts(error: BaseException) -> dict[str, object]:
    """The kind of ``error`` and the frames it came through; not its text, which may quote what a client sent."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "frames": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
