"""What is read again on SIGHUP: each thing for itself, and what cannot be read stays as it was."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from shared.errors import KitError
from shared.observing.logs import log


class Reload(NamedTuple):
    """Something that was read from a file; ``again`` reads it anew and tells whether it is another one now.

    ``again`` is called on the event loop, and is to leave all as it was where it raises.
    """

    name: str
    again: Callable[[], bool]


def reload_all(things: Iterable[Reload], *, level: str = "info") -> None:
    """Read ``things`` again; the log tells their names, what has changed, and what could not be read."""
    changed = []
    for name, again in things:
        try:
            if again():
                changed.append(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are read
            log("warning", "not reloaded", "app", file=name, reason=_reason(error))
    log(level, "reloaded", "app", changed=changed)


def _reason(error: Exception) -> str:
    """Nothing that could be out of a file."""
    if isinstance(error, KitError):
        return str(error)
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__
