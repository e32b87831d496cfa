"""Readers of replies (``Call.read``): JSON of a known shape, 404 as absence, and whom a reply is about."""

from collections.abc import Callable, Collection
from typing import Any, Final, TypeVar

import msgspec

from shared import codec
from shared.errors import BadResponse, Refused, WrongSubject
from shared.upstream.call import Reply

T = TypeVar("T")

_REFUSALS: Final = frozenset({400, 404, 413, 422})
"""Statuses that are about what was asked, where they are the service's own."""
_OK: Final = (200,)


class Declined(msgspec.Struct, frozen=True):
    """A service does not do what it was asked to, and says so by this status."""

    status: int


class Accepted(msgspec.Struct, frozen=True):
    """A service has done what it was asked to: by which status it says so, and what it tells of it."""

    status: int
    value: Any


def body_of(reply: Reply, statuses: Collection[int] = _OK) -> bytes:
    """The body of a reply with one of ``statuses`` that is labelled as JSON.

    Raises:
        Refused: the service does not take what it was asked.
        BadResponse: any other status, or another label.
    """
    if reply.status in statuses:
        if not _is_labelled_json(reply):
            raise BadResponse("the body is not labelled as JSON")
        return reply.body
    kind = Refused if reply.status in _REFUSALS and not _is_foreign_404(reply) else BadResponse
    # A 4xx is an answer to what was asked, and says nothing about the service's health.
    raise kind(f"status {reply.status}", is_failure=not 400 <= reply.status < 500, status=reply.status)


def json_of(kind: type[T], statuses: Collection[int] = _OK) -> Callable[[Reply], T]:
    """Reads a JSON body as ``kind`` where the status is one of ``statuses``; everything else is a ``BadResponse``."""
    decode = codec.decoder(kind)

    def read(reply: Reply) -> T:
        body = body_of(reply, statuses)
        try:
            return decode(body)
        except (codec.MalformedJSON, codec.WrongShape) as error:
            raise BadResponse(str(error)) from error

    return read


def json_or_absent(kind: type[T]) -> Callable[[Reply], T | None]:
    """Like :func:`json_of`, and None for the 404 by which a service says that the thing does not exist.

    Only a 404 with a JSON body is the service's own: a path that leads nowhere has one too, of whoever is in front.
    """
    read_found = json_of(kind)

    def read(reply: Reply) -> T | None:
        return None if reply.status == 404 and not _is_foreign_404(reply) else read_found(reply)

    return read


def json_or_declined(
    kind: type[T], statuses: Collection[int], refusals: Collection[int]
) -> Callable[[Reply], Accepted | Declined]:
    """Reads a JSON body as ``kind`` where the status is one of ``statuses``, and any of ``refusals`` as a refusal.

    A 404 is the service's own, as in :func:`json_or_absent`; everything else is a ``BadResponse``.
    """
    read_accepted = json_of(kind, statuses)

    def read(reply: Reply) -> Accepted | Declined:
        if reply.status in refusals and not _is_foreign_404(reply):
            return Declined(reply.status)
        return Accepted(reply.status, read_accepted(reply))

    return read


def checking_subject(read: Callable[[Reply], T], is_about: Callable[[str, Any], bool]) -> Callable[[str, Reply], T]:
    """What ``read`` gives, if it ``is_about`` the subject that was asked for, or is None.

    What it reads otherwise is a ``WrongSubject``, and a ``BadResponse`` where that cannot be told.
    """

    def checked(subject: str, reply: Reply) -> T:
        value = read(reply)
        if value is not None and not _is_about(is_about, subject, value):
            raise WrongSubject("the answer is about something else than was asked for")
        return value

    return checked


def _is_about(is_about: Callable[[str, Any], bool], subject: str, value: object) -> bool:
    try:
        return is_about(subject, value)
    except Exception as error:
        raise BadResponse(f"it does not say whom it is about ({type(error).__name__})") from error


def status_only(reply: Reply) -> int:
    """The status alone, for health checks."""
    return reply.status


def _is_labelled_json(reply: Reply) -> bool:
    content_type = reply.headers.get("content-type", "")
    if content_type == "application/json":
        return True
    content_type = content_type.partition(";")[0].strip().lower()
    return content_type == "application/json" or content_type.endswith("+json")


def _is_foreign_404(reply: Reply) -> bool:
    return reply.status == 404 and not (_is_labelled_json(reply) and codec.is_json(reply.body))
