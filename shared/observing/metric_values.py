"""Metric values of this process: in memory, and in files from which any worker adds them up.

prometheus_client maps files that have holes: where the disk is full, or was cleaned, to count ends the process (SIGBUS)
or counts for nobody. Here a file is whole before it is mapped. One that cannot be made, or is gone or damaged, is made
when it can be, with all that has been counted.
"""

import contextlib
import json
import logging
import mmap
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Final

from shared.observing import metric_files, metric_records

_MIN_BYTES: Final = 1 << 14
_HEAD_BYTES: Final = 8
_VALUE_BYTES: Final = 16
_RECORDS_PER_CHECK: Final = 20
_MAX_DROPPED: Final = 100
"""Values of a file that are of no use any more."""
_pack = struct.Struct("d").pack
_logger = logging.getLogger("metrics")


class LocalValue:
    """A number of this process alone; what prometheus_client makes its metrics of, without a lock.

    Threads take turns where functions are called and where loops begin again, not between reading a number and storing
    what it is increased to: nothing that several of them count is lost.
    """

    __slots__ = ("_exemplar", "_value")

    def __init__(self, *_: object, **__: object) -> None:
        """The library tells of which metric it is."""
        self._value = 0.0
        self._exemplar: object = None

    def inc(self, amount: float = 1) -> None:
        """Add to it."""
        self._value += amount

    def set(self, value: float, timestamp: float | None = None) -> None:  # noqa: ARG002 - no mode of ours has one
        """Let it be ``value``."""
        self._value = value

    def get(self) -> float:
        """What it is."""
        return self._value

    def set_exemplar(self, exemplar: object) -> None:
        """What leads to a trace."""
        self._exemplar = exemplar

    def get_exemplar(self) -> object:
        """What was set last."""
        return self._exemplar


class SharedValue:
    """A number of this process; what prometheus_client makes its metrics of."""

    __slots__ = ("_file", "_lock", "_place", "key", "now")

    def __init__(self, file: "_File", lock: Lock, key: bytes) -> None:
        self.key = key
        self.now = 0.0
        self._file = file
        self._lock = lock
        with lock:
            self.end_at(file.add(self))

    def end_at(self, end: int) -> None:
        """Its record ends there in the file; used under the lock."""
        self._place = slice(end - _VALUE_BYTES, end - _VALUE_BYTES + 8)

    def inc(self, amount: float = 1) -> None:
        """Add to it."""
        with self._lock:
            self.now += amount
            if (memory := self._file.memory) is not None:
                memory[self._place] = _pack(self.now)  # in one go: struct.pack_into shows a zero meanwhile

    def set(self, value: float, timestamp: float | None = None) -> None:  # noqa: ARG002 - no mode of ours has one
        """Let it be ``value``."""
        with self._lock:
            self.now = value
            if (memory := self._file.memory) is not None:
                memory[self._place] = _pack(value)

    def drop(self) -> None:
        """Nobody sets it any more; it stays in the file, as it is, until that is made anew without it."""
        with self._lock:
            self._file.dropped.add(self)

    def get(self) -> float:
        """What it is."""
        return self.now

    def set_exemplar(self, exemplar: object) -> None:
        """Files have no room for it."""

    def get_exemplar(self) -> None:
        """There is none."""


class SharedValues:
    """All numbers of this process, and their files in ``directory``, one a kind."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[str, _File] = {}
        self._lock = Lock()
        self._well = True

    def value(  # noqa: PLR0917 - the library calls it so
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: Sequence[str],
        labelvalues: Sequence[str],
        help_text: str,
        multiprocess_mode: str = "",
    ) -> SharedValue:
        """A new one, which is zero; called by prometheus_client."""
        kind = f"{typ}_{multiprocess_mode}" if typ == "gauge" else typ
        if kind not in self._files:
            self._files[kind] = _File(self._directory / f"{kind}_{os.getpid()}.db")
        labels = dict(zip(labelnames, labelvalues, strict=True))
        key = json.dumps([metric_name, name, labels, help_text], sort_keys=True)
        return SharedValue(self._files[kind], self._lock, key.encode())

    def repair_files(self) -> None:
        """Make files again where they are missing or damaged; called now and then."""
        problem: OSError | None = None
        try:
            metric_files.create_directory(self._directory)
        except OSError as error:
            problem = error
        for file in list(self._files.values()):
            with self._lock:
                problem = file.repair() or problem
        if self._well != (problem is None):
            self._well = problem is None
            if self._well:
                _logger.warning("metrics can be shared again")
            else:
                _logger.warning("metrics cannot be shared: they are kept in memory", exc_info=problem)


class _File:
    """The values of one kind, in the order in which they came; used under the lock of all values."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: list[SharedValue] = []
        self.dropped: set[SharedValue] = set()  # to be had no longer, once there are more of their kind
        self._used = _HEAD_BYTES
        self._identity = (0, 0)
        self._checked = (0, _HEAD_BYTES)
        self._problem: OSError | None = None
        self.memory: mmap.mmap | None = None

    def add(self, value: SharedValue) -> int:
        """Take a further one; tells where it ends."""
        record = metric_records.record(value.key, value.now)
        start, self._used = self._used, self._used + len(record)
        self._values.append(value)
        if self.memory is not None and self._used <= len(self.memory):
            self.memory[start : self._used] = record
            head = metric_records.head(self._used)
            self.memory[: len(head)] = head
        elif self._problem is None:
            self._create()
        return self._used

    def repair(self) -> OSError | None:
        """Make the file again unless it is there, valid and of use; returns the error if that fails."""
        if len(self.dropped) > _MAX_DROPPED:
            self._close_ranks()
            self._create()
        elif not self._is_there():
            self._create()
        return self._problem

    def _is_there(self) -> bool:
        memory = self.memory
        try:
            found = self._path.stat()
        except OSError:
            return False
        is_ours = (found.st_dev, found.st_ino) == self._identity
        return memory is not None and is_ours and found.st_size >= len(memory) and self._is_whole(memory)

    def _is_whole(self, memory: mmap.mmap) -> bool:
        """Whether it begins as it should, and a few records are as they should be, others each time."""
        head = metric_records.head(self._used)
        start, place = self._checked
        values = self._values[start : start + _RECORDS_PER_CHECK]
        expected = b"".join(metric_records.record(value.key, value.now) for value in values)
        end = place + len(expected)
        self._checked = (start + len(values), end) if end < self._used else (0, _HEAD_BYTES)
        return memory[: len(head)] == head and memory[place:end] == expected

    def _close_ranks(self) -> None:
        self._values = [value for value in self._values if value not in self.dropped]
        self.dropped.clear()
        self._used, self._checked = _HEAD_BYTES, (0, _HEAD_BYTES)
        for value in self._values:
            self._used += len(metric_records.record(value.key, value.now))
            value.end_at(self._used)

    def _create(self) -> None:
        self.memory, self._problem = None, None
        fresh = self._path.with_suffix(".new")
        try:
            handle = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            try:
                size = max(_MIN_BYTES, 1 << (self._used - 1).bit_length())
                os.posix_fallocate(handle, 0, size)
                memory = mmap.mmap(handle, size)
                memory[: self._used] = self._image()
                fresh.rename(self._path)
                found = os.fstat(handle)
                self.memory, self._identity = memory, (found.st_dev, found.st_ino)
            finally:
                os.close(handle)
        except OSError as error:
            self._problem = error
            with contextlib.suppress(OSError):
                fresh.unlink()

    def _image(self) -> bytes:
        return metric_records.image(metric_records.record(value.key, value.now) for value in self._values)
