"""Structured logs: one JSON object a line on standard output, written by a thread so that the loop never waits.

Ways in: :func:`log` for our own events, :func:`log_error` for errors, the standard ``logging`` tree for libraries.
"""

import hashlib
import logging
import select
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import orjson

from shared.errors import DeclarationError
from shared.observing.line_writer import LineWriter
from shared.observing.log_deduplication import LogDeduplication
from shared.observing.tracing import Trace, current_trace
from shared.timestamps import rfc3339

_LINE_BYTES: Final = select.PIPE_BUF
"""What a pipe keeps together (POSIX, write), whoever else writes to it."""
_CUTS: Final = (256, 32)
_ITEMS: Final = 8
_FRAMES: Final = 12
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class LineSink(Protocol):
    """What takes lines; it must not wait."""

    def put(self, line: bytes) -> None:
        """Take a line, newline included."""

    def close(self) -> None:
        """No more lines come."""


class _Sink:
    """What this process logs as, from where on, and to whom."""

    service = ""
    threshold = _LEVELS["info"]
    writer: LineSink | None = None
    deduplication = LogDeduplication()


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


def log_error(event: str, logger: str, error: BaseException, level: str = "error", **facts: object) -> None:
    """Log an error with its frames; repetitions of the same one are deduplicated."""
    found = exception_facts(error)
    suppressed = _sink.deduplication.suppressed(str(found["fingerprint"]))
    if suppressed is not None:
        log(level, event, logger, **found, **({"suppressed": suppressed} if suppressed else {}), **facts)


def log_deduplicated(level: str, event: str, logger: str, **facts: object) -> None:
    """Log an event of which repetitions with the same facts are deduplicated."""
    suppressed = _sink.deduplication.suppressed(f"{event} {facts}")
    if suppressed is not None:
        log(level, event, logger, **({"suppressed": suppressed} if suppressed else {}), **facts)


def set_writer(lines: LineSink | None) -> None:
    """Send lines elsewhere than to standard output, or nowhere (None)."""
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


class EventTemplate:
    """A frequent event that differs in one number alone, encoded beforehand."""

    def __init__(self, level: str, event: str, logger: str, number: str, **facts: object) -> None:
        """``number`` is the name of that fact; the ``facts`` are always the same."""
        self._severity = _LEVELS[level]
        before = {"level": level, "event": event, "logger": logger, "service": _sink.service}
        self._before = f',{_inside(before)},"request_id":"'
        self._after = f'",{_inside(facts)},"{number}":'

    def log(self, now: float, trace: Trace, number: str, more: str = "") -> None:
        """Log it as part of ``trace``; ``now`` is in seconds since the epoch.

        ``number`` is written as it stands, and ``more``, which begins with a comma, as further members.
        """
        writer = _sink.writer
        if self._severity < _sink.threshold or writer is None:
            return
        request_id = trace.request_id
        if '"' in request_id or "\\" in request_id:  # all else that is visible stands for itself (RFC 8259 §7)
            request_id = orjson.dumps(request_id).decode()[1:-1]
        writer.put(
            f'{{"timestamp":"{rfc3339(now)}"{self._before}{request_id}","trace_id":"{trace.trace_id}'
            f"{self._after}{number}{more}}}\n".encode()
        )


def _inside(facts: Mapping[str, object]) -> str:
    return orjson.dumps(facts).decode()[1:-1]


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
    line = _dumped(document | facts)
    if len(line) <= _LINE_BYTES:
        return line
    for most in _CUTS:
        line = _dumped({name: _cut(fact, most) for name, fact in (document | facts).items()} | {"cut": True})
        if len(line) <= _LINE_BYTES:
            return line
    return _dumped({name: _cut(fact, _CUTS[-1]) for name, fact in document.items()} | {"cut": True})


def _dumped(document: dict[str, object]) -> bytes:
    return orjson.dumps(document, default=str, option=orjson.OPT_APPEND_NEWLINE)


def _cut(fact: object, most: int) -> object:
    """The beginning of what is long."""
    if isinstance(fact, list | tuple):
        return [_cut(item, most) for item in fact[:_ITEMS]]
    return fact if fact is None or isinstance(fact, int | float) else str(fact)[:most]


class _StandardLogging(logging.Handler):
    """Turns records of the standard logging tree into the same lines."""

    def emit(self, record: logging.LogRecord) -> None:
        writer = _sink.writer
        if writer is None:
            return
        facts: dict[str, object] = {}
        if record.exc_info and record.exc_info[1] is not None:
            facts = exception_facts(record.exc_info[1])
            suppressed = _sink.deduplication.suppressed(str(facts["fingerprint"]))
            if suppressed is None:
                return
            facts |= {"suppressed": suppressed} if suppressed else {}
        level = record.levelname.lower()
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        line = _line(level if level in _LEVELS else "error", _printable(message), record.name, facts)
        writer.put(line)


def exception_facts(error: BaseException) -> dict[str, object]:
    """The kind of ``error``, the frames it came through, and a fingerprint of both.

    Not its text, which may quote what a client sent; but that of a contradiction, which is about what is declared.
    """
    frames = places(traceback.extract_tb(error.__traceback__))
    kind = type(error).__name__
    fingerprint = hashlib.blake2b("\n".join([kind, *frames]).encode(), digest_size=6).hexdigest()
    contradiction = {"detail": str(error)} if isinstance(error, DeclarationError) else {}
    return {"error": kind, **contradiction, "fingerprint": fingerprint, "frames": frames}


def places(frames: Sequence[traceback.FrameSummary]) -> list[str]:
    """The last of these frames, as they are logged."""
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-_FRAMES:]]


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
