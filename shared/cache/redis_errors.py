"""The reasons why Redis is not used, as text, and when they are logged."""

from collections.abc import Iterator
from typing import Final

from redis.exceptions import AuthenticationError, AuthorizationError, ResponseError

from shared.observing.logs import log

_MAX_TEXT: Final = 240
_NOT_PERMITTED: Final = "NOPERM"
_QUOTES: Final = ", with args beginning with:"
"""After this Redis repeats what it was asked, values included."""


class NodeRefused(Exception):
    """A node answers, but not as one that takes reads and writes: read-only, out of memory, another's key."""


_REFUSALS: Final = (NodeRefused, ResponseError, AuthenticationError, AuthorizationError)


def error_text(error: Exception) -> str:
    """The code and the text of what Redis said, bounded in length, without what it was asked."""
    code = getattr(error, "status_code", None)  # redis-py cuts it off
    text = str(error).partition(_QUOTES)[0]
    return (f"{code} {text}" if code else text)[:_MAX_TEXT]


def reason(error: BaseException) -> tuple[str, bool]:
    """Why Redis is not used, and whether it says so itself."""
    for one in _chain(error):
        if isinstance(one, _REFUSALS):
            return error_text(one) or type(one).__name__, True
    return (str(error) or type(error.__cause__ or error).__name__)[:_MAX_TEXT], False


def is_caused_by(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether ``error``, or what has led to it, is of this ``kind``."""
    return any(isinstance(one, kind) for one in _chain(error))


class StateLog:
    """Logs the state of Redis: one line per change of state, and per change of its reason."""

    def __init__(self) -> None:
        self._last: str | None = None  # of the reason, what tells it from others

    def up(self, tracked: bool) -> None:
        """It is used."""
        self._last = None
        log("info", "redis tier up", "cache", tracked=tracked)

    def bypassed(self, error: BaseException) -> None:
        """It was used until now."""
        why, _ = reason(error)
        self._last = _log_key(why)
        log("warning", "redis tier bypassed", "cache", error=why)

    def absent(self, error: BaseException) -> None:
        """It cannot be used yet."""
        why, refused = reason(error)
        if self._last is None or (refused and _log_key(why) != self._last):
            self._last = _log_key(why)
            log("warning", "redis unavailable", "cache", error=why)


def _log_key(why: str) -> str:
    """The code of an error; of what is not permitted, all of it, since there may be more of that once it is mended."""
    code = why.partition(" ")[0]
    return why if code == _NOT_PERMITTED else code


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
