"""How soon the first part is there while one of the services is slow, and how long everything takes."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from itertools import count
from statistics import median
from time import perf_counter
from typing import Final

from benchmarks.common.ports import LOCAL
from benchmarks.common.process import CannotRun
from benchmarks.streams.figures import Figure
from benchmarks.streams.plan import Plan
from benchmarks.streams.stage import Stage, path, stage

_SLOW_SECONDS: Final = 0.5
_APART_SECONDS: Final = 0.1
_SLOW: Final = ("users", "orders", "products")
_STREAM: Final = "text/event-stream"
_JSON: Final = "application/json"
_MOST_MS: Final = 5.0
_length = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


async def figures(plan: Plan) -> Sequence[Figure]:
    """For each of the services that is slow.

    Raises:
        CannotRun: there is no answer.
    """
    async with stage() as at:
        users = (f"own-first-{number}" for number in count())
        for _ in range(plan.samples):
            for accept in (_STREAM, _JSON):
                await _timed(at.gateway.port, path(next(users)), accept)
        found: list[Figure] = []
        for slow in _SLOW:
            at.services[slow].delay = _SLOW_SECONDS
            found += await _with_slow(at, slow, users, plan.samples)
            at.services[slow].delay = 0.0
        return found


async def _with_slow(at: Stage, slow: str, users: Iterator[str], samples: int) -> Sequence[Figure]:
    quick = "orders/user" if slow == "users" else "users"
    own, streams, plain = list[float](), list["asyncio.Task[_Times]"](), list["asyncio.Task[_Times]"]()
    for _ in range(samples):
        port = at.services[quick.partition("/")[0]].port
        own.append((await _timed(port, f"/{quick}/{next(users)}", _JSON))[1])
        streams.append(asyncio.create_task(_timed(at.gateway.port, path(next(users)), _STREAM)))
        await asyncio.sleep(_APART_SECONDS / 2)
        plain.append(asyncio.create_task(_timed(at.gateway.port, path(next(users)), _JSON)))
        await asyncio.sleep(_APART_SECONDS / 2)
    firsts, totals = zip(*await asyncio.gather(*streams), strict=True)
    _, whole = zip(*await asyncio.gather(*plain), strict=True)
    return (
        Figure(f"{slow} slow: first part of a stream", median(firsts) * 1e3, "ms"),
        Figure(
            f"{slow} slow: … after the quick service's own time", (median(firsts) - median(own)) * 1e3, "ms", _MOST_MS
        ),
        Figure(f"{slow} slow: whole stream", median(totals) * 1e3, "ms"),
        Figure(f"{slow} slow: … after the JSON answer's time", (median(totals) - median(whole)) * 1e3, "ms", _MOST_MS),
    )


_Times = tuple[float, float]
"""Seconds to the first part, and to the end."""


async def _timed(port: int, asked: str, accept: str) -> _Times:
    """Of an answer of either form."""
    reader, writer = await asyncio.open_connection(LOCAL, port)
    try:
        begun = perf_counter()
        writer.write(f"GET {asked} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n".encode())
        first, read = 0.0, b""
        while not _is_whole(read):
            data = await reader.read(65_536)
            if not data or (not read and not data.startswith(b"HTTP/1.1 200 ")):
                raise CannotRun(f"There is no whole answer for {asked}: {data[:80]!r}")
            read += data
            if not first and b"\nevent: part\n" in read:
                first = perf_counter() - begun
        return first, perf_counter() - begun
    finally:
        writer.transport.abort()


def _is_whole(read: bytes) -> bool:
    head, end, body = read.partition(b"\r\n\r\n")
    length = _length.search(head)
    if length is None:
        return bool(end) and body.endswith(b"\r\n0\r\n\r\n")
    return bool(end) and len(body) >= int(length[1])
