"""Several worker processes behind one listening socket: started, watched, replaced when they die, ended together.

The main process only watches. It hands the listening socket to every worker, so that one that dies takes none of
the waiting connections with it; a worker that cannot be built, because its app contradicts itself, ends all. Sanic's
own process manager does not replace a worker that crashed.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Lock
from socket import socket
from types import FrameType
from typing import Final, NoReturn

from shared import metrics
from shared.errors import DeclarationError
from shared.logs import log
from shared.protocol import accept_no_more

Run = Callable[[socket], None]
"""Serves on the socket until SIGTERM; must be importable, for it runs in a new interpreter."""

_SETTLED_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 1.0
_MARGIN_SECONDS: Final = 5.0
_CLEAN_EXITS: Final = (0, -signal.SIGTERM)  # the latter of one that had not begun to serve

UNUSABLE: Final = 2
"""Exit status of a process that could not be started however often it was tried."""


class Workers:
    """``count`` processes that each do ``run`` on ``listening``."""

    def __init__(self, run: Run, listening: socket, count: int) -> None:
        self._run = run
        self._listening = listening
        self._count = count
        self._context = multiprocessing.get_context("spawn")
        self._started: dict[SpawnProcess, float] = {}
        self._said = self._context.Lock()
        self._stopping = False
        self._unusable = False
        self._wake_reader, self._wake_writer = os.pipe()

    def serve(self, drain: float, grace: float) -> int:
        """Keep the workers running until SIGTERM or SIGINT, then end them.

        They go on taking connections for ``drain`` seconds and then have about ``grace`` seconds to finish.

        Returns the exit status: 0, 1 when one of them had to be killed or failed at the end, or :data:`UNUSABLE`.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        for _ in range(self._count):
            self._start_one()
        while not self._stopping:
            wait([self._wake_reader, *(worker.sentinel for worker in self._started)])
            self._replace_dead()
        clean = self._end_all(0.0 if self._unusable else drain, grace)
        return UNUSABLE if self._unusable else int(not clean)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        os.write(self._wake_writer, b"!")

    def _start_one(self) -> None:
        worker = self._context.Process(target=_work, args=(self._run, self._listening, self._said))
        worker.start()
        self._started[worker] = time.monotonic()

    def _replace_dead(self) -> None:
        for worker in [w for w in self._started if not w.is_alive()]:
            lived = time.monotonic() - self._started.pop(worker)
            _forget(worker)
            if self._stopping:
                return
            if worker.exitcode == UNUSABLE:
                self._stopping = self._unusable = True
                return
            log(
                "error",
                "worker died",
                "workers",
                pid=worker.pid,
                exit_code=worker.exitcode,
                lived_s=round(lived, 1),
            )
            if lived < _SETTLED_SECONDS:
                wait([self._wake_reader], _PAUSE_SECONDS)  # one that cannot start must not spin
            if not self._stopping:
                self._start_one()

    def _end_all(self, drain: float, grace: float) -> bool:
        clean = True
        for worker in self._started:
            worker.terminate()
        drained = time.monotonic() + drain
        for worker in self._started:  # they are gone before, where there was nobody to drain
            worker.join(max(0.0, drained - time.monotonic()))
        accept_no_more(self._listening)
        self._listening.close()
        patience = drained + grace + _MARGIN_SECONDS
        for worker in self._started:
            worker.join(max(0.0, patience - time.monotonic()))
            if worker.is_alive():
                worker.kill()
                worker.join()
            clean = clean and worker.exitcode in _CLEAN_EXITS
            _forget(worker)
        return clean


def _forget(worker: SpawnProcess) -> None:
    if worker.pid is not None:
        metrics.worker_ended(worker.pid)


def _work(run: Run, listening: socket, said: Lock) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C reaches the main process, which passes SIGTERM on
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    try:
        run(listening)
    except DeclarationError as error:
        refuse(error, aloud=said.acquire(block=False))  # once for all of them


def refuse(error: DeclarationError, *, aloud: bool = True) -> NoReturn:
    """End this process, whose app cannot be built, with :data:`UNUSABLE` and a sentence."""
    if aloud:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
    raise SystemExit(UNUSABLE)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
