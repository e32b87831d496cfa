"""The means of misbehaving: what is sent, in which frame, when, and what becomes of the connection."""

import asyncio
from collections.abc import Callable
from typing import Final

from benchmarks.chaos.hostile.asked import Asked, Behave, http, rightly

_THERE_SECONDS: Final = 0.1
"""Longer than a process on a busy machine is held up between a look at a connection and a write."""


def says(body: bytes, *headers: str, status: str = "200 OK", kind: str = "application/json") -> Behave:
    """This whole answer."""
    return writes(http(body, *headers, status=status, kind=kind))


def writes(data: bytes, *, then: str = "") -> Behave:
    """These bytes, whatever they are; ``then`` the connection is closed or reset."""

    async def behave(asked: Asked) -> None:
        asked.wire.write(data)
        if then:
            await asked.wire.drain()
            getattr(asked.wire, then)()

    return behave


def made(make: Callable[[Asked], bytes], *, then: str = "") -> Behave:
    """What is made of the request; ``then`` the connection is closed or reset."""

    async def behave(asked: Asked) -> None:
        await writes(make(asked), then=then)(asked)

    return behave


async def hang(asked: Asked) -> None:
    """Nothing, until the gateway has had enough."""
    while not asked.wire.is_closing():  # noqa: ASYNC110 - asyncio tells one by one
        await asyncio.sleep(0.05)


def then_hang(data: bytes) -> Behave:
    """These bytes, and nothing after them."""

    async def behave(asked: Asked) -> None:
        asked.wire.write(data)
        await hang(asked)

    return behave


def again_and_again(data: bytes, seconds: float, times: int, before: bytes = b"") -> Behave:
    """These bytes so many ``times``, with so many ``seconds`` between, after those that come ``before``."""

    async def behave(asked: Asked) -> None:
        asked.wire.write(before)
        for _ in range(times):
            if asked.wire.is_closing():
                return
            asked.wire.write(data)
            await asked.wire.drain()
            await asyncio.sleep(seconds)

    return behave


async def in_pieces(asked: Asked) -> None:
    """The right answer, a little at a time."""
    data = http(asked.right, status=asked.status)
    size = max(1, len(data) // 12)
    for place in range(0, len(data), size):
        asked.wire.write(data[place : place + size])
        await asyncio.sleep(0.005)


async def slowly(asked: Asked) -> None:
    """The right answer, in time or not."""
    await asyncio.sleep(asked.dice.uniform(0.02, 0.3))
    await rightly(asked)


def late(make: Callable[[Asked], bytes], *, then: str = "") -> Behave:
    """The right answer, and a while after it another one that nobody has asked for.

    It is sent only where nothing has been asked meanwhile: its first bytes are there for a while before the next
    request is, and it is cut off should a request come sooner. So whoever takes it for an answer could have known.
    """

    async def stray(asked: Asked) -> None:
        await asyncio.sleep(asked.dice.choice((0.0, 0.001, 0.01, 0.05, 0.1)))
        data = make(asked)
        if asked.wire.is_closing() or not asked.wire.is_silent():
            return
        asked.wire.write(data[:9])
        await asyncio.sleep(_THERE_SECONDS)
        if not asked.wire.is_silent():
            asked.wire.reset()
            return
        asked.wire.write(data[9:])
        if then:
            getattr(asked.wire, then)()

    async def behave(asked: Asked) -> None:
        await rightly(asked)
        asked.later(stray(asked))

    return behave


def twice(make: Callable[[Asked], bytes]) -> Behave:
    """The right answer and another one at once."""

    async def behave(asked: Asked) -> None:
        asked.wire.write(http(asked.right, status=asked.status) + make(asked))

    return behave


async def late_and_careless(asked: Asked) -> None:
    """Like a late answer, but it may cross a request, so that only what is in it tells that it is none."""
    await rightly(asked)

    async def stray() -> None:
        await asyncio.sleep(asked.dice.uniform(0.0, 0.1))
        if not asked.wire.is_closing():
            asked.wire.write(http(asked.of_another()))

    asked.later(stray())


def another(asked: Asked) -> bytes:
    """The right answer for somebody else."""
    return http(asked.of_another())


def length(change: int) -> Behave:
    """The right answer, with a length that is not its own."""

    def make(asked: Asked) -> bytes:
        body = asked.right
        head = f"HTTP/1.1 {asked.status}\r\nContent-Type: application/json\r\nContent-Length: {len(body) + change}"
        return head.encode() + b"\r\n\r\n" + body

    return made(make)


def in_chunks(*, size: str, end: bytes, then: str = "") -> Behave:
    """The right answer in one chunk, with a size like this and this after it."""

    def make(asked: Asked) -> bytes:
        body = asked.right
        head = f"HTTP/1.1 {asked.status}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head.encode() + size.format(len(body)).encode() + b"\r\n" + body + end

    return made(make, then=then)


def preceded(data: bytes) -> Behave:
    """The right answer after these bytes."""
    return made(lambda asked: data + http(asked.right, status=asked.status))


def framed(*headers: str) -> Behave:
    """The right answer with further headers."""
    return made(lambda asked: http(asked.right, *headers, status=asked.status))


def cut(asked: Asked) -> bytes:
    """The right answer without its end."""
    data = http(asked.right, status=asked.status)
    return data[: asked.dice.randrange(len(data))]
