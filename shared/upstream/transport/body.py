"""Reads the body of a response, up to a limit."""

from collections.abc import Mapping

from aiohttp import StreamReader

from shared.errors import BadResponse


async def read_bounded(headers: Mapping[str, str], payload: StreamReader, limit: int) -> bytes:
    """The whole body, of at most ``limit`` bytes.

    Raises:
        BadResponse: it is longer, or compressed, which nobody asked for.
    """
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise BadResponse("a compressed body, though none was asked for")
    length = headers.get("content-length")
    if length is not None and int(length) > limit:
        raise BadResponse(f"a body of {length} bytes; the limit is {limit}")
    chunks: list[bytes] = []
    size = 0
    while True:
        chunk = payload.read_nowait() if payload.is_eof() else await payload.readany()
        size += len(chunk)
        if size > limit:
            raise BadResponse(f"a body over the limit of {limit} bytes")
        chunks.append(chunk)
        if payload.at_eof():
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
