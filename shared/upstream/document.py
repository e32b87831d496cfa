"""One document at a URL, such as an issuer's keys: asked for as services are, without policies of its own."""

from collections.abc import Awaitable, Callable
from math import inf
from urllib.parse import urlsplit

from shared.deadline import Deadline
from shared.errors import BadResponse
from shared.upstream.call import Call, Reply
from shared.upstream.transport.session import Session


def document_at(session: Session, url: str, limit: int) -> Callable[[], Awaitable[bytes]]:
    """A function that GETs what is at ``url``, of at most ``limit`` bytes.

    It takes as long as it takes, and raises ``UpstreamError`` for everything but a whole answer with status 200.
    """
    parts = urlsplit(url)
    send = session.transport(f"{parts.scheme}://{parts.netloc}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def read(reply: Reply) -> bytes:
        if reply.status != 200:
            raise BadResponse(f"status {reply.status}", status=reply.status)
        if len(reply.body) > limit:
            raise BadResponse(f"a body of {len(reply.body)} bytes; the limit is {limit}")
        return reply.body

    async def fetch() -> bytes:
        document: bytes = await send(Call(path, read, Deadline(inf)))
        return document

    return fetch
