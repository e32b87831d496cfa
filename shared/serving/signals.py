"""Signals: the first that says stop waits until the process can stop in good order, and later ones change nothing.

Sanic by itself ignores signals for a moment while it starts, stops its loop in the middle of starting by another, and
dies of a second one while it finishes what is in flight. Here a thread waits for them. Before a process listens there
is nothing to finish: until then a signal ends it at once.

Where there is something to be read again, SIGHUP asks for that, from the beginning on and under nohup too; it never
ends such a process.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sanic import Sanic

_OTHERS = frozenset({signal.SIGINT, signal.SIGHUP})


def stop_signals(*, reloads: bool) -> frozenset[signal.Signals]:
    """Those that stop: SIGHUP does where nothing ``reloads``, unless it was ignored before, as under nohup."""
    survives = reloads or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return frozenset({signal.SIGTERM, signal.SIGINT} if survives else {signal.SIGTERM, *_OTHERS})


def hold_hangups() -> None:
    """Let SIGHUP wait until it can be heeded; threads and processes that are started from now on inherit that."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def on_hangup(act: Callable[[], object]) -> None:
    """Let SIGHUP, one that has waited included, ``act`` between two steps of the main thread."""
    signal.signal(signal.SIGHUP, lambda _number, _frame: act())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


@contextmanager
def other_signals_blocked() -> Iterator[None]:
    """Block signals other than SIGTERM; child processes inherit that until they call :func:`accept_as_worker`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OTHERS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def accept_as_worker(*, reloads: bool) -> None:
    """Ignore all but SIGTERM, and SIGHUP where something ``reloads``.

    The main process gets all of them, and passes these on; they wait for :class:`Signals`.
    """
    heeded = {signal.SIGTERM, signal.SIGHUP} if reloads else {signal.SIGTERM}
    for number in _OTHERS - heeded:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, heeded)


class Signals:
    """Waits for the first of ``stopping``, and lets in no other; made before other threads are, which must get none.

    With ``reloads`` it waits for SIGHUP as well, and goes on.
    """

    def __init__(self, stopping: frozenset[signal.Signals], *, reloads: bool) -> None:
        self._numbers = stopping | {signal.SIGHUP} if reloads else stopping
        self._reloads = reloads
        self._lock = threading.Lock()
        self._received = False
        self._hung_up = False
        self._listening = False
        self._stop: Callable[[], object] | None = None
        self._reload: Callable[[], object] | None = None
        signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)
        threading.Thread(target=self._wait, name="signals", daemon=True).start()

    def heed(self, app: Sanic[Any, Any], reload: Callable[[], object]) -> None:
        """Stop ``app`` in good order, or ``reload`` on its loop, as soon as it serves."""

        async def listen(_app: Sanic[Any, Any]) -> None:
            with self._lock:
                self._listening = True

        async def serve(_app: Sanic[Any, Any]) -> None:
            loop, starting = asyncio.get_running_loop(), asyncio.current_task()

            def begin() -> None:
                with self._lock:
                    self._stop = lambda: loop.call_soon_threadsafe(lambda: app.stop(terminate=False))
                    self._reload = lambda: loop.call_soon_threadsafe(reload)
                    if self._hung_up:
                        self._reload()
                    if self._received:
                        self._stop()

            if starting is not None:  # what Sanic runs its loop for until it serves
                starting.add_done_callback(lambda _: loop.call_soon(begin))

        app.register_listener(listen, "before_server_start")
        app.register_listener(serve, "after_server_start")

    def _wait(self) -> None:
        while (number := signal.sigwait(self._numbers)) == signal.SIGHUP and self._reloads:
            with self._lock:
                self._hung_up = True
                if self._reload is not None:
                    self._reload()
        with self._lock:
            self._received = True
            if not self._listening:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
                os.kill(os.getpid(), number)
            elif self._stop is not None:
                self._stop()
