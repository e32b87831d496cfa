"""Worker processes behind the same listening sockets: started, watched, replaced when they die, stopped together.

The main process only watches. It hands the listening sockets to every worker, so that one that dies takes none of
the waiting connections with it; a worker that cannot be built, because its app contradicts itself, ends all. One whose
loop does not turn is killed. Sanic's own process manager replaces neither.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Final, NoReturn

from shared.errors import DeclarationError
from shared.observing import metrics
from shared.observing.logs import log, log_error
from shared.serving.draining import stop_accepting
from shared.serving.heartbeat import BEAT_SECONDS, Beat, SilenceTimer, beat_sender, has_beat
from shared.serving.listeners import Listeners
from shared.serving.signals import accept_as_worker, on_hangup, other_signals_blocked, stop_signals

Run = Callable[[Listeners, Beat], None]
"""Serves on the sockets until SIGTERM, and beats; must be importable, for it runs in a new interpreter."""

_STABLE_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 1.0
_MARGIN_SECONDS: Final = 5.0
_SIGNAL_SECONDS: Final = 0.5
_MAX_WAKES: Final = 65_536
_CLEAN_EXITS: Final = (0, -signal.SIGTERM)  # the latter of one that had not begun to serve

UNUSABLE: Final = 2
"""Exit status of a process that could not be started however often it was tried."""


@dataclass(frozen=True, eq=False)
class _Worker:
    process: SpawnProcess
    pulse: Connection
    silence: SilenceTimer
    started: float


class Workers:
    """``count`` processes that each ``run`` on ``listening``; one silent for ``hang_timeout`` seconds is killed.

    With ``reload`` SIGHUP is for all of them, those that are just starting too: here it reads again what later ones are
    started with, and they do so for themselves.
    """

    def __init__(
        self,
        run: Run,
        listening: Listeners,
        count: int,
        hang_timeout: float,
        reload: Callable[[], object] | None = None,
    ) -> None:
        self._run = run
        self._listening = listening
        self._count = count
        self._hang_timeout = hang_timeout
        self._reload = reload
        self._hung_up = False
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._ended: list[int] = []
        self._next_start = 0.0
        self._stopping = False
        self._unusable = False
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._error_token, self._token_writer = self._context.Pipe(duplex=False)
        self._token_writer.send_bytes(b"")  # the one worker that reads it reports the error for all

    def serve(self, drain: float, grace: float) -> int:
        """Keep the workers running until a stop signal, then end them.

        They go on taking connections for ``drain`` seconds and then have about ``grace`` seconds to finish.

        Returns the exit status: 0, 1 when one of them had to be killed or failed at the end, or :data:`UNUSABLE`.
        """
        for number in stop_signals(reloads=self._reload is not None):
            signal.signal(number, self._on_stop)
        if self._reload is not None:
            on_hangup(self._on_hangup)
        looked = time.monotonic()
        while not self._stopping:
            self._start_missing()
            wait([self._wake_reader, *(worker.process.sentinel for worker in self._workers)], BEAT_SECONDS)
            self._reap()
            self._pass_on_hangup()
            looked, before = time.monotonic(), looked
            self._kill_hanging(looked - before)
        clean = self._stop_all(0.0 if self._unusable else drain, grace)
        return UNUSABLE if self._unusable else int(not clean)

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        self._wake()

    def _on_hangup(self) -> None:
        self._hung_up = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_writer, b"!")

    def _pass_on_hangup(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_reader, _MAX_WAKES)
        if self._hung_up and self._reload is not None:
            self._hung_up = False
            self._reload()
            for worker in self._workers:
                if worker.process.is_alive() and worker.process.pid is not None:
                    os.kill(worker.process.pid, signal.SIGHUP)

    def _start_missing(self) -> None:
        while len(self._workers) < self._count and time.monotonic() >= self._next_start and not self._stopping:
            try:
                self._start_one()
            except OSError as error:  # no descriptor, no memory, no process
                log_error("worker not started", "workers", error)
                self._next_start = time.monotonic() + _PAUSE_SECONDS

    def _start_one(self) -> None:
        pulse, beating = self._context.Pipe(duplex=False)
        with contextlib.ExitStack() as undo, beating:
            undo.enter_context(pulse)
            os.set_blocking(pulse.fileno(), False)
            process = self._context.Process(
                target=_work,
                args=(self._run, self._listening, self._error_token, beating),
                kwargs={"reloads": self._reload is not None},
            )
            with other_signals_blocked():
                process.start()
            undo.pop_all()
        if process.pid in self._ended:  # its number is given again
            self._ended.remove(process.pid)
        self._workers.append(_Worker(process, pulse, SilenceTimer(self._hang_timeout), time.monotonic()))

    def _reap(self) -> None:
        """Remove workers that have died, and merge the metrics that they left."""
        for worker in [w for w in self._workers if not w.process.is_alive()]:
            self._workers.remove(worker)
            worker.pulse.close()
            pid, exit_code = worker.process.pid, worker.process.exitcode
            if pid is not None:
                self._ended.append(pid)
            if self._stopping:
                return
            if exit_code == UNUSABLE:
                self._stopping = self._unusable = True
                return
            lived = time.monotonic() - worker.started
            log("error", "worker died", "workers", pid=pid, exit_code=exit_code, lived_s=round(lived, 1))
            if lived < _STABLE_SECONDS:
                self._next_start = time.monotonic() + _PAUSE_SECONDS  # one that cannot start must not spin
        while self._ended and metrics.worker_ended(self._ended[0]):  # what is held up is tried another time
            del self._ended[0]

    def _kill_hanging(self, elapsed: float) -> None:
        for worker in self._workers:
            if worker.silence.update(elapsed, has_beat=has_beat(worker.pulse)):
                silent = round(worker.silence.seconds, 1)
                log("error", "worker hangs", "workers", pid=worker.process.pid, silent_s=silent)
                worker.process.kill()
                worker.silence.seconds = 0.0

    def _stop_all(self, drain: float, grace: float) -> bool:
        clean = True
        drained = time.monotonic() + drain
        self._signal_until(drained)
        if not self._listening.kept:
            with contextlib.suppress(OSError):
                stop_accepting(self._listening.public)
        self._listening.close()
        self._signal_until(drained + grace + _MARGIN_SECONDS)
        for worker in self._workers:
            process = worker.process
            if process.is_alive():
                process.kill()
                process.join(_MARGIN_SECONDS)
            if process.exitcode not in _CLEAN_EXITS:
                clean = False
                log("error", "worker exited uncleanly", "workers", pid=process.pid, exit_code=process.exitcode)
        return clean

    def _signal_until(self, end: float) -> None:
        """Send SIGTERM to all workers repeatedly: one that is just about to serve loses a signal."""
        left = [worker.process for worker in self._workers]
        while left:
            for process in left:
                process.terminate()
            wait([process.sentinel for process in left], min(_SIGNAL_SECONDS, max(0.0, end - time.monotonic())))
            left = [process for process in left if process.is_alive()]
            if time.monotonic() >= end:
                return


def _work(run: Run, listening: Listeners, error_token: Connection, beating: Connection, *, reloads: bool) -> None:
    accept_as_worker(reloads=reloads)
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    try:
        run(listening, beat_sender(beating))
    except DeclarationError as error:
        os.set_blocking(error_token.fileno(), False)
        exit_unusable(error, report=has_beat(error_token))  # once for all of them


def exit_unusable(error: DeclarationError, *, report: bool = True) -> NoReturn:
    """End this process, whose app cannot be built, with :data:`UNUSABLE` and a sentence."""
    if report:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
    raise SystemExit(UNUSABLE)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
