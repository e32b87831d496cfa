"""The types of reply that each Redis command may have; anything else is a protocol error.

An error is an answer to any of them. What its text says is looked at where it matters (``answers.usable``).
"""

import enum
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from types import NoneType
from typing import Any, Final

from redis.exceptions import RedisError, ResponseError

Command = tuple[str | bytes | int, ...]
ReplyTypes = Mapping[type, Callable[[Any], bool] | bytes | None]
"""The types that a reply may have; each with what it must be, or what must be true of it, or nothing more."""


class Unknown(enum.Enum):
    """A value that is not known, as distinct from ``None``, which is absence."""

    MOVING = enum.auto()
    """Its slot is being moved to another node of the cluster (ASK, TRYAGAIN): it may be on either."""


MOVING: Final = Unknown.MOVING


class OddReply(RedisError):
    """A reply of a type that its command never has, or a malformed push message."""


def never(_reply: object) -> bool:
    """What is true of no reply."""
    return False


def _is_role(reply: list[Any]) -> bool:
    return bool(reply) and type(reply[0]) is bytes


def _is_time(reply: list[Any]) -> bool:
    return len(reply) == 2 and all(type(number) is bytes and number.isdigit() for number in reply)


def _is_record_id(reply: bytes) -> bool:
    return all(number.isdigit() for number in reply.partition(b"-")[::2])


def _is_record(reply: Any) -> bool:
    match reply:
        case [bytes() as record_id, list() as fields]:
            return _is_record_id(record_id) and all(type(field) is bytes for field in fields)
    return False


def _is_range(reply: list[Any]) -> bool:
    return all(map(_is_record, reply))


def _is_page(reply: list[Any]) -> bool:
    match reply:
        case [bytes() as cursor, list() as keys]:
            return cursor.isdigit() and all(type(key) is bytes for key in keys)
    return False


_ERROR: Final[ReplyTypes] = {ResponseError: None}
_BYTES: Final[ReplyTypes] = {bytes: None, **_ERROR}
_WHOLE: Final[ReplyTypes] = {int: None, **_ERROR}
_REPLIES: Final[Mapping[str | bytes | int, ReplyTypes]] = defaultdict(lambda: _BYTES) | {
    "GET": {NoneType: None, **_BYTES},
    "PTTL": _WHOLE,
    "SET": {NoneType: None, bytes: b"OK", **_ERROR},
    "UNLINK": _WHOLE,
    "PEXPIRE": _WHOLE,
    "SETRANGE": _WHOLE,
    "CLIENT": {bytes: b"OK", **_ERROR},
    "ROLE": {list: _is_role, **_ERROR},
    "TIME": {list: _is_time, **_ERROR},
    "DBSIZE": _WHOLE,
    "INFO": _BYTES,
    # By quotas alone; who may not use it has shares of them.
    "INCRBY": _WHOLE,
    "XADD": {bytes: _is_record_id, **_ERROR},
    "XRANGE": {list: _is_range, **_ERROR},
    # By scripts and by clearing a namespace of shared.cache.table alone; who may not use them lacks only that.
    "EVAL": _WHOLE,
    "SCAN": {list: _is_page, **_ERROR},
}


def reply_types(commands: Sequence[Command]) -> list[ReplyTypes]:
    """What can be the reply to each command; bytes, where it is not one of those above."""
    return [*map(_REPLIES.__getitem__, map(itemgetter(0), commands))]


def check(reply: Any, wanted: Callable[[Any], bool] | bytes) -> None:
    """See that ``reply`` is what is ``wanted`` of its type; whoever asks for many looks for the simple cases first.

    Raises:
        OddReply: it is not.
    """
    if wanted != reply and not (callable(wanted) and wanted(reply)):
        raise OddReply(f"an answer of type {type(reply).__name__}")


def outdated_keys(message: list[Any]) -> list[str] | None:
    """The keys that a push message invalidates, or None for all; empty for other messages.

    Raises:
        OddReply: the message is malformed.
    """
    if not message or type(message[0]) is not bytes:
        raise OddReply("a push message of no kind")
    if message[0] != b"invalidate":
        return []
    match message[1:]:
        case [None]:
            return None
        case [list() as names] if all(type(name) is bytes for name in names):
            return [name.decode("utf-8", "replace") for name in names]
    raise OddReply("an invalidation without keys")
