"""What Redis answers to each command that is used here; anything else is no answer, whatever it means.

An error is an answer to any of them. What its text says is looked at where it matters (``links.usable``).
"""

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, Final

from redis.exceptions import RedisError, ResponseError

Command = tuple[str | bytes | int, ...]
Fitting = Mapping[type, Callable[[Any], bool] | None]
"""The types that a reply may have, each with what else must be true of it."""


class OddReply(RedisError):
    """Redis answers with what cannot be the answer to what it was asked, or tells what is no news."""


def _is_ok(reply: bytes) -> bool:
    return reply == b"OK"


def _is_role(reply: list[Any]) -> bool:
    return bool(reply) and type(reply[0]) is bytes


_ERROR: Final[Fitting] = {ResponseError: None}
_BYTES: Final[Fitting] = {bytes: None, **_ERROR}
_WHOLE: Final[Fitting] = {int: None, **_ERROR}
_REPLIES: Final[Mapping[str | bytes | int, Fitting]] = {
    "GET": {NoneType: None, **_BYTES},
    "PTTL": _WHOLE,
    "SET": {NoneType: None, bytes: _is_ok, **_ERROR},
    "UNLINK": _WHOLE,
    "PEXPIRE": _WHOLE,
    "CLIENT": {bytes: _is_ok, **_ERROR},
    "ROLE": {list: _is_role, **_ERROR},
    "DBSIZE": _WHOLE,
    "INFO": _BYTES,
}
_UNSEEN: Final = object()


def fitting(command: Command) -> Fitting:
    """What can be the reply to ``command``; bytes, where the command is not one of those above."""
    return _REPLIES.get(command[0], _BYTES)


def checked(reply: Any, fits: Fitting) -> Any:
    """``reply``, if it is one.

    Raises:
        OddReply: it is not.
    """
    check = fits.get(reply.__class__, _UNSEEN)
    if check is None or (callable(check) and check(reply)):
        return reply
    raise OddReply(f"an answer of type {type(reply).__name__}")


def outdated_keys(message: list[Any]) -> list[str] | None:
    """The keys that a push tells the change of, or None for all; none where it tells of something else.

    Raises:
        OddReply: it is no news.
    """
    if not message or type(message[0]) is not bytes:
        raise OddReply("news of no kind")
    if message[0] != b"invalidate":
        return []
    match message[1:]:
        case [None]:
            return None
        case [list() as names] if all(type(name) is bytes for name in names):
            return [name.decode("utf-8", "replace") for name in names]
    raise OddReply("news of changes to no keys")
