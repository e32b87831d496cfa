"""The way to Redis, on which replies change their type, are lost, come twice, late, in halves or not at all."""

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from benchmarks.chaos.hostile.draw import one_of
from benchmarks.chaos.hostile.failures import Journal
from benchmarks.chaos.hostile.spells import Weather
from benchmarks.common.ports import LOCAL
from shared.cancellation import cancel_and_wait

_CHUNK: Final = 262_144
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_line = re.compile(rb"([-+:$*_,#!=(%~>])([^\r\n]*)\r\n").match
_OF_LENGTH: Final = b"$!="
_OF_MEMBERS: Final = {b"*": 1, b"~": 1, b">": 1, b"%": 2}


@dataclass(frozen=True)
class Oddity:
    """What becomes of a reply."""

    name: str
    change: Callable[[bytes], bytes]
    weight: float = 1.0
    seconds: float = 0.0
    resets: bool = False
    hangs: bool = False


_WRONG: Final = (
    b":1\r\n", b":-1\r\n", b"+OK\r\n", b"$-1\r\n", b"_\r\n", b"*0\r\n", b"*-1\r\n", b"*2\r\n:1\r\n:2\r\n", b"#t\r\n",
    b",3.14\r\n", b",nan\r\n", b"(12345678901234567890\r\n", b"%1\r\n+a\r\n:1\r\n", b"~1\r\n:1\r\n", b"$5\r\nhello\r\n",
    b"*500000000\r\n", b"*1\r\n*1\r\n*1\r\n*500000000\r\n", b"$5000000000\r\n", b"$512000000\r\n", b"$-7\r\n",
    b"$x\r\n",
    b"-ERR odd\r\n", b"-MOVED 1 127.0.0.1:1\r\n", b"-READONLY no\r\n", b"-OOM no\r\n", b"-NOAUTH no\r\n", b"-\r\n",
    b"-\xff\xfe\r\n", b"hello\r\n", b"\x00\r\n", b"\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b":9223372036854775808\r\n",
    b":x\r\n", b"=7\r\ntxt:abc\r\n", b"!3\r\nERR\r\n", b"*1\r\n" * 2000 + b":1\r\n",
)  # fmt: skip
_PUSHES: Final = (
    b">2\r\n+invalidate\r\n:1\r\n", b">2\r\n+invalidate\r\n*1\r\n:1\r\n", b">1\r\n+invalidate\r\n", b">0\r\n",
    b">2\r\n+invalidate\r\n*1\r\n$2\r\n\xff\xfe\r\n", b">2\r\n+invalidate\r\n_\r\n", b">2\r\n+other\r\n+x\r\n",
    b">2\r\n+invalidate\r\n*1\r\n*1\r\n+x\r\n", b">1\r\n:1\r\n",
)  # fmt: skip


def _instead(odd: bytes, _reply: bytes) -> bytes:
    return odd


def _before(push: bytes, reply: bytes) -> bytes:
    return push + reply


ODDITIES: Final = (
    *(Oddity(f"instead {wrong[:20]!r}", partial(_instead, wrong), 0.3) for wrong in _WRONG),
    *(Oddity(f"before it {push[:36]!r}", partial(_before, push), 0.3) for push in _PUSHES),
    Oddity("lost", lambda _: b""),
    Oddity("twice", lambda reply: reply * 2),
    Oddity("one more", lambda reply: reply + b":1\r\n"),
    Oddity("half", lambda reply: reply[: len(reply) // 2], resets=True),
    Oddity("reset", lambda _: b"", resets=True),
    Oddity("late", lambda reply: reply, 2, seconds=0.1),
    Oddity("too late", lambda reply: reply, 1, seconds=0.4),
    Oddity("never", lambda _: b"", 0.5, hangs=True),
)


class RedisLink:
    """Listens on ``port`` for the Redis on ``target``; how odd it is, the weather says."""

    def __init__(self, port: int, target: int, random: Random, weather: Weather, journal: Journal) -> None:
        self.port = port
        self._target = target
        self._random = random
        self._weather = weather
        self._journal = journal
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, LOCAL, self.port, limit=_CHUNK)

    def hang_up(self) -> None:
        """End all connections."""
        for talk in tuple(self._talks):
            talk.cancel()

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
        await cancel_and_wait(*self._talks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.ensure_future(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(LOCAL, self._target, limit=_CHUNK)
        except OSError:
            writer.transport.abort()
            return
        ways = [
            asyncio.ensure_future(_pass(reader, far_writer)),
            asyncio.ensure_future(self._pass_replies(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_and_wait(*ways)
            for one in (writer, far_writer):
                one.transport.abort()

    async def _pass_replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = b""
        while data := await reader.read(_CHUNK):
            if not self._weather.spell.redis and not kept:
                _write(writer, data)
                continue
            kept += data
            start = 0
            while (end := reply_end(kept, start)) is not None:
                await self._give(kept[start:end], writer)
                start = end
            kept = kept[start:]
            await writer.drain()

    async def _give(self, reply: bytes, writer: asyncio.StreamWriter) -> None:
        if reply.startswith(b">") or self._random.random() >= self._weather.spell.redis:
            _write(writer, reply)
            return
        oddity = one_of(ODDITIES, self._random)
        self._journal.note(f"redis: a reply {oddity.name}", repr(reply[:40]))
        if oddity.hangs:
            await asyncio.Event().wait()
        await asyncio.sleep(oddity.seconds)
        _write(writer, oddity.change(reply))
        if oddity.resets:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            raise ConnectionResetError


def reply_end(data: bytes, start: int) -> int | None:
    """Where the reply (RESP3) that begins at ``start`` ends; None when it is not whole yet."""
    wanted = 1
    while wanted:
        found = _line(data, start)
        if found is None:
            return None
        wanted -= 1
        start = found.end()
        kind, number = found[1], found[2]
        if kind in _OF_LENGTH and number != b"-1":
            start += int(number) + 2
        elif kind in _OF_MEMBERS and number != b"-1":
            wanted += int(number) * _OF_MEMBERS[kind]
        if start > len(data):
            return None
    return start


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        _write(writer, data)
        await writer.drain()


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if writer.is_closing():
        raise ConnectionResetError
    writer.write(data)
