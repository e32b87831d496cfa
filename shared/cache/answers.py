"""Interprets the replies of a Redis node: a missing key, a slot on its way, a node that cannot be used."""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from redis.exceptions import ResponseError

from shared.cache.redis_errors import NodeRefused, error_text
from shared.cache.replies import MOVING, Command, Unknown
from shared.cache.stamps import NEVER, STAMP_SIZE
from shared.errors import KitError

_WRONG_TYPE: Final = "WRONGTYPE"
_NOT_PERMITTED: Final = "NOPERM"
_ODD_COMMAND: Final = "ERR"
_ELSEWHERE: Final = "MOVED"
_MOVING: Final = ("ASK", "TRYAGAIN")
_ODD_STAMP: Final = b"\xff" * STAMP_SIZE


class NotPermitted(KitError):
    """The Redis user lacks a command that only this call needs."""


class Found(msgspec.Struct, frozen=True):
    """The value of a key; empty where part of it is being moved to another node.

    Attributes:
        data: the bytes, or None.
        stamps: those of its tags that were asked for.
        wrong_type: whether the key holds something else than bytes.
    """

    data: bytes | None
    stamps: Sequence[bytes] = ()
    wrong_type: bool = False


MOVED: Final = Found(None)
"""Nothing is known of it."""


def raise_if_replica(role: Any) -> None:
    """See that a node is no replica, as far as it says: its master would overwrite what it takes.

    Raises:
        Refused: it is none.
    """
    if isinstance(role, list) and role[0] != b"master":
        raise NodeRefused("READONLY a replica, it says")  # like a read-only one when it is written to


def all_usable(replies: Sequence[Any]) -> list[Any]:
    """The answers of a node; :data:`MOVING` is one too.

    Raises:
        Refused: one of them says that the node is not usable.
    """
    return [usable(reply) if isinstance(reply, ResponseError) else reply for reply in replies]


def allowed(reply: Any) -> Any:
    """The answer to a command that its user may lack.

    Raises:
        NotPermitted: the user does.
        Refused: it says that the node is not usable.
    """
    if isinstance(reply, ResponseError) and _code(reply) == _NOT_PERMITTED:
        raise NotPermitted(str(reply))
    return usable(reply)


def sum_in(reply: Any) -> int | None:
    """What a number was increased to; None where that is not known: its slot is being moved, or it is no number.

    Raises:
        NotPermitted: the user may not count.
        Refused: it says that the node is not usable.
    """
    if is_odd_command(reply) or is_wrong_type(reply):
        return None
    counted = allowed(reply)
    return None if counted is MOVING else int(counted)


def is_refused(reply: Any) -> bool:
    """Whether a node that is well does not do this: it is not permitted, or unknown in this form to its version."""
    return is_odd_command(reply) or (isinstance(reply, ResponseError) and _code(reply) == _NOT_PERMITTED)


def is_odd_command(reply: Any) -> bool:
    """Whether the node does not know the command in this form."""
    return isinstance(reply, ResponseError) and _code(reply) == _ODD_COMMAND


def is_wrong_type(reply: Any) -> bool:
    """Whether the key holds something else than the command is for."""
    return isinstance(reply, ResponseError) and _code(reply) == _WRONG_TYPE


def is_elsewhere(reply: Any) -> bool:
    """Whether the key has been moved to another node."""
    return isinstance(reply, ResponseError) and _code(reply) == _ELSEWHERE


def found_in(replies: list[Any]) -> Found:
    """The value of a key, from the replies to a GET of it and of stamps of its tags.

    Raises:
        Refused: one of them says that the node is not usable.
    """
    data, *others = replies
    stamps = stamps_in(others) if others else ()
    odd = False
    if isinstance(data, ResponseError):
        odd = is_wrong_type(data)
        data = None if odd else usable(data)
    return MOVED if data is MOVING or stamps is MOVING else Found(data, stamps, odd)


def stamps_in(replies: Sequence[Any]) -> list[bytes] | Literal[Unknown.MOVING]:
    """The stamps that stand where each was asked for; :data:`MOVING` when one of them is not known.

    Raises:
        Refused: an answer says that the node is not usable.
    """
    stamps: list[bytes] = []
    for reply in replies:
        stamp = NEVER if reply is None else stamp_in(reply)
        if stamp is MOVING:
            return MOVING
        stamps.append(stamp or NEVER)
    return stamps


def stamp_in(reply: Any, size: int = STAMP_SIZE) -> bytes | Unknown | None:
    """What stands where a stamp should: garbage tells before from after as well, and the next purge overwrites it."""
    if is_wrong_type(reply):
        return _ODD_STAMP[:size]
    stamp = usable(reply)
    if stamp is None or stamp is MOVING:
        return stamp
    return bytes(stamp)[:size].ljust(size, b"\0")


def usable(reply: Any) -> Any:
    """The answer of a node; :data:`MOVING` is one too.

    Raises:
        Refused: it says that the node is not usable.
    """
    if isinstance(reply, ResponseError):
        code = _code(reply)
        if code not in _MOVING:
            raise NodeRefused(error_text(reply)) from reply
        return MOVING
    return reply


def check_permitted(command: Command, reply: Any) -> None:
    """See that Redis lets its user do this; it does not always say itself what it refuses.

    Raises:
        Refused: it does not.
    """
    if isinstance(reply, ResponseError) and _code(reply) == _NOT_PERMITTED:
        raise NodeRefused(f"{error_text(reply)}: {' '.join(map(str, command[:2]))}") from reply


def _code(error: ResponseError) -> str:
    return str(error).partition(" ")[0]
