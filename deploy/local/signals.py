"""Turns the signals that ask a command to end into an exception, so that it can clean up.

An exception out of a signal's handler may come where Python drops it (a finalizer, a callback of the garbage
collector), so loops ask again with `check`.
"""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from deploy.local.errors import Interrupted

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_came: list[int] = []


def install() -> None:
    """Raise Interrupted on each of them, but for those that were ignored on purpose (nohup, a script's &)."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)


def check() -> None:
    """Raise Interrupted when a signal has come."""
    if _came:
        raise Interrupted(_came[0])


@contextlib.contextmanager
def ignored() -> Iterator[None]:
    """Ignore them for a while: what ends processes is not to be cut short itself."""
    with _replaced(signal.SIG_IGN):
        yield


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let them wait for a moment that must not be cut in two; then raise Interrupted if one came."""
    with _replaced(_note):
        yield
    check()


@contextlib.contextmanager
def _replaced(action: "signal._HANDLER") -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDING}
    for number, earlier in before.items():
        if earlier is not signal.SIG_IGN:
            signal.signal(number, action)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _note(number: int, _: FrameType | None) -> None:
    _came.append(number)


def _raise(number: int, frame: FrameType | None) -> None:
    _note(number, frame)
    check()
