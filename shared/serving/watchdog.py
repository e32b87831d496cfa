"""Ends a process that serves alone when its loop does not turn, so that whoever runs it starts another one.

Of several workers the main process takes care. Here a thread does, from within, which also ends the first process of a
container, whom no signal from inside may kill. It has no say while a library keeps the interpreter to itself: only
somebody outside notices that.
"""

import os
import sys
import threading
import time
import traceback
from typing import Any, Final

from sanic import Sanic

from shared.observing import logs
from shared.observing.logs import log
from shared.serving.heartbeat import BEAT_SECONDS, SilenceTimer, send_beats

HUNG: Final = os.EX_SOFTWARE
"""Exit status of a process that was ended because its loop stood still."""


def end_when_hanging(app: Sanic[Any, Any], patience: float) -> None:
    """End this process with :data:`HUNG` when the loop of ``app`` has stood still for ``patience`` seconds.

    Call it in the thread that will run the loop; it is watched from its first turn on.
    """
    beaten, looping = threading.Event(), threading.get_ident()
    watch = threading.Thread(target=_watch, args=(beaten, patience, looping), name="watchdog", daemon=True)

    def beat() -> None:
        beaten.set()
        if not watch.is_alive():
            watch.start()

    send_beats(app, beat)


def _watch(beaten: threading.Event, patience: float, looping: int) -> None:
    silence, looked = SilenceTimer(patience), time.monotonic()
    hangs = False
    while not hangs:
        time.sleep(BEAT_SECONDS)
        has_beat = beaten.is_set()
        beaten.clear()
        looked, before = time.monotonic(), looked
        hangs = silence.update(looked - before, has_beat=has_beat)
    frames = traceback.extract_stack(sys._current_frames().get(looping))  # noqa: SLF001 - there is no other way
    log("error", "loop hangs", "app", silent_s=round(silence.seconds, 1), frames=logs.places(frames))
    logs.flush()
    os._exit(HUNG)
