"""Heartbeats of workers: each loop sends one a second, and the supervisor counts the seconds without one.

Only seconds count in which the supervisor was awake itself, by its own clock: when a machine was suspended, or all of
a program stopped for a while, the workers are not to blame.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final

from sanic import Sanic

BEAT_SECONDS: Final = 1.0
_MAX_STEP_SECONDS: Final = 2 * BEAT_SECONDS
_MAX_BEATS: Final = 65_536

Beat = Callable[[], None]
"""Sends one heartbeat; never waits."""


class SilenceTimer:
    """How long no heartbeat has come, in seconds; pure."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.seconds = 0.0

    def update(self, elapsed: float, *, has_beat: bool) -> bool:
        """Whether it has lasted too long; ``elapsed`` is since the last update, ``has_beat`` whether a beat came."""
        self.seconds = 0.0 if has_beat else self.seconds + min(elapsed, _MAX_STEP_SECONDS)
        return self.seconds >= self._patience


def beat_sender(pipe: Connection) -> Beat:
    """A function that sends a beat into ``pipe``."""
    os.set_blocking(pipe.fileno(), False)

    def beat() -> None:
        with contextlib.suppress(OSError):  # it is full, or nobody listens any more
            os.write(pipe.fileno(), b".")

    return beat


def has_beat(pipe: Connection) -> bool:
    """Whether a beat has come out of ``pipe``, which does not block, since it was asked last."""
    try:
        return bool(os.read(pipe.fileno(), _MAX_BEATS))
    except OSError:
        return False


def send_beats(app: Sanic[Any, Any], beat: Beat) -> None:
    """Send beats from the moment that ``app``'s loop runs until it is closed."""

    async def begin(_app: Sanic[Any, Any]) -> None:
        loop = asyncio.get_running_loop()

        def go_on() -> None:
            beat()
            loop.call_later(BEAT_SECONDS, go_on)

        go_on()

    app.register_listener(begin, "before_server_start", priority=1)
