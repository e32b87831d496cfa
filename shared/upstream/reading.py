"""Ready-made ``Call.read`` functions: JSON of a known shape, and 404 as an answer."""

from collections.abc import Callable
from typing import TypeVar

from shared import codec
from shared.errors import BadResponse
from shared.upstream.call import Reply

T = TypeVar("T")


def json_of(kind: type[T]) -> Callable[[Reply], T]:
    """Reads a 200 with a JSON body as ``kind``; everything else is a ``BadResponse``."""
    decode = codec.decoder(kind)

    def read(reply: Reply) -> T:
        if reply.status != 200:
            # A 4xx is an answer to what was asked, and says nothing about the service's health.
            raise BadResponse(f"status {reply.status}", is_failure=not 400 <= reply.status < 500)
        content_type = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json" and not content_type.endswith("+json"):
            raise BadResponse("the body is not labelled as JSON")
        try:
            return decode(reply.body)
        except (codec.MalformedJSON, codec.WrongShape) as error:
            raise BadResponse(str(error)) from error

    return read


def json_or_absent(kind: type[T]) -> Callable[[Reply], T | None]:
    """Like :func:`json_of`, and None for the 404 by which a service says that the thing does not exist."""
    read_found = json_of(kind)

    def read(reply: Reply) -> T | None:
        return None if reply.status == 404 else read_found(reply)

    return read


def status_only(reply: Reply) -> int:
    """The status alone, for health checks."""
    return reply.status
