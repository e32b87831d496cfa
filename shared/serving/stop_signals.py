"""Stop signals: the first waits until the process can stop in good order, and later ones change nothing.

Sanic by itself ignores signals for a moment while it starts, stops its loop in the middle of starting by another, and
dies of a second one while it finishes what is in flight. Here a thread waits for them. Before a process listens there
is nothing to finish: until then a signal ends it at once.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sanic import Sanic

_OTHERS = (signal.SIGINT, signal.SIGHUP)


def handled_signals() -> frozenset[signal.Signals]:
    """Those that are heeded: SIGHUP is not where it was ignored before, as under nohup."""
    hangup = set() if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else {signal.SIGHUP}
    return frozenset({signal.SIGTERM, signal.SIGINT, *hangup})


@contextmanager
def other_signals_blocked() -> Iterator[None]:
    """Block signals other than SIGTERM; child processes inherit that until they call :func:`accept_only_sigterm`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OTHERS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def accept_only_sigterm() -> None:
    """Ignore other signals: for a worker, whose main process gets them as well and passes them on as SIGTERM.

    That waits for :class:`Stopping`.
    """
    for number in _OTHERS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGTERM})


class StopSignals:
    """Waits for the first of ``numbers``, and lets in no other; made before other threads are, which must get none."""

    def __init__(self, numbers: frozenset[signal.Signals]) -> None:
        self._numbers = numbers
        self._lock = threading.Lock()
        self._received = False
        self._listening = False
        self._stop: Callable[[], object] | None = None
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        threading.Thread(target=self._wait, name="stop-watch", daemon=True).start()

    def stop_on_signal(self, app: Sanic[Any, Any]) -> None:
        """Stop ``app`` in good order on the first signal, as soon as it serves."""

        async def listen(_app: Sanic[Any, Any]) -> None:
            with self._lock:
                self._listening = True

        async def serve(_app: Sanic[Any, Any]) -> None:
            loop, starting = asyncio.get_running_loop(), asyncio.current_task()

            def begin() -> None:
                with self._lock:
                    self._stop = lambda: loop.call_soon_threadsafe(lambda: app.stop(terminate=False))
                    if self._received:
                        self._stop()

            if starting is not None:  # what Sanic runs its loop for until it serves
                starting.add_done_callback(lambda _: loop.call_soon(begin))

        app.register_listener(listen, "before_server_start")
        app.register_listener(serve, "after_server_start")

    def _wait(self) -> None:
        number = signal.sigwait(self._numbers)
        with self._lock:
            self._received = True
            if not self._listening:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)
                os.kill(os.getpid(), number)
            elif self._stop is not None:
                self._stop()
