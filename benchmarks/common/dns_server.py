"""A name server that says of names what it is told to, or fails in a way that it is told to."""

import asyncio
import enum
import socket
import struct
from collections import defaultdict
from ipaddress import IPv6Address, ip_address
from typing import Any, Final, Self, cast

from dnslib import AAAA, QTYPE, RCODE, RD, RR, SRV, A, DNSError, DNSQuestion, DNSRecord

from benchmarks.common.ports import LOCAL, free_port

_UDP_BYTES: Final = 512
"""Of an answer by UDP, unless who asks takes more (RFC 1035 §2.3.4, RFC 6891 §6.2.3)."""
_CUT_BYTES: Final = 5
_GARBAGE: Final = b"\xff" * 64


class Mode(enum.Enum):
    """What becomes of a question."""

    ANSWER = enum.auto()
    """It is answered; what nothing is known of does not exist (NXDOMAIN)."""
    SILENT = enum.auto()
    """Nothing comes, and by TCP the connection stays open."""
    SERVFAIL = enum.auto()
    NXDOMAIN = enum.auto()
    EMPTY = enum.auto()
    """The name exists, and has nothing of what is asked for."""
    OTHER = enum.auto()
    """The answer is to another question."""
    CUT = enum.auto()
    """The answer ends in the middle."""
    GARBAGE = enum.auto()
    """What comes is no DNS."""


_CODES: Final = {Mode.SERVFAIL: RCODE.SERVFAIL, Mode.NXDOMAIN: RCODE.NXDOMAIN}
_FILLED: Final = (Mode.ANSWER, Mode.OTHER, Mode.CUT)


def address(text: str) -> RD:
    """A record of type A or AAAA."""
    return AAAA(text) if isinstance(ip_address(text), IPv6Address) else A(text)


def service(target: str, port: int, priority: int = 0, weight: int = 0) -> RD:
    """A record of type SRV (RFC 2782)."""
    return SRV(priority, weight, port, target)


class DnsServer:
    """Listens on a UDP and a TCP port of one number; an async context manager.

    Attributes:
        port: where it listens.
        asked: each question that came, as name in lower case and type: ``("users.test", "A")``.
        ttl: seconds, of all records.
        delay: seconds before an answer.
        additional: whether addresses of the targets come with SRV records.
    """

    def __init__(self, host: str = LOCAL, port: int = 0) -> None:
        """``port`` 0 is a free one."""
        self.host = host
        self.port = port or free_port()
        self.asked: list[tuple[str, str]] = []
        self.ttl = 1
        self.delay = 0.0
        self.additional = False
        self._records: dict[str, tuple[RD, ...]] = {}
        self._modes: defaultdict[str, Mode | None] = defaultdict(lambda: None)
        self._mode = Mode.ANSWER
        self._udp: tuple[asyncio.DatagramTransport, _Datagrams] | None = None
        self._tcp: asyncio.Server | None = None
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}

    def say(self, name: str, *records: RD) -> None:
        """What ``name`` has from now on; without records it exists and has none."""
        self._records[_plain(name)] = records

    def forget(self, name: str) -> None:
        """Let ``name`` not exist."""
        self._records.pop(_plain(name), None)

    def turn(self, mode: Mode, name: str = "") -> None:
        """Behave like this from now on, to questions about ``name`` alone if there is one."""
        if name:
            self._modes[_plain(name)] = mode
        else:
            self._mode = mode
            self._modes.clear()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._udp = await loop.create_datagram_endpoint(lambda: _Datagrams(self), (self.host, self.port), family=family)
        self._tcp = await asyncio.start_server(self._converse, self.host, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._udp is not None:
            transport, datagrams = self._udp
            transport.close()
            await datagrams.closed.wait()
        if self._tcp is not None:
            self._tcp.close()
            for writer, task in tuple(self._connections.items()):
                writer.transport.abort()
                if task is not None:
                    await asyncio.wait({task})
            await self._tcp.wait_closed()

    def answer(self, question: bytes, most: int | None = None) -> bytes | None:
        """What is sent upon ``question``, in at most so many bytes; None is nothing."""
        try:
            asked = DNSRecord.parse(question)
        except DNSError:
            return None
        name, kind = _plain(str(asked.q.qname)), QTYPE[asked.q.qtype]
        self.asked.append((name, kind))
        mode = self._modes[name] or self._mode
        if mode is Mode.SILENT:
            return None
        if mode is Mode.GARBAGE:
            return _GARBAGE
        reply = asked.reply()
        reply.header.rcode = _CODES.get(mode, RCODE.NOERROR)
        if mode is Mode.OTHER:
            reply.questions = [DNSQuestion("other.test", asked.q.qtype)]
        if mode in _FILLED:
            self._fill(reply, name, kind)
        packed: bytes = reply.pack()
        if most is not None and len(packed) > max([most, *(rr.edns_len for rr in asked.ar if rr.rtype == QTYPE.OPT)]):
            reply.rr.clear()
            reply.ar.clear()
            reply.header.tc = 1
            packed = reply.pack()
        return packed[:-_CUT_BYTES] if mode is Mode.CUT else packed

    def _fill(self, reply: DNSRecord, name: str, kind: str) -> None:
        if name not in self._records:
            reply.header.rcode = RCODE.NXDOMAIN
        for record in self._records.get(name, ()):
            if type(record).__name__ != kind:
                continue
            reply.add_answer(RR(reply.q.qname, getattr(QTYPE, kind), ttl=self.ttl, rdata=record))
            if kind == "SRV" and self.additional:
                for beside in self._records.get(_plain(str(record.target)), ()):
                    reply.add_ar(RR(record.target, getattr(QTYPE, type(beside).__name__), ttl=self.ttl, rdata=beside))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """By TCP each message comes after its length (RFC 1035 §4.2.2)."""
        loop = asyncio.get_running_loop()
        self._connections[writer] = asyncio.current_task()
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                answer = self.answer(await reader.readexactly(length))
                if answer is not None:
                    loop.call_later(self.delay, writer.write, struct.pack("!H", len(answer)) + answer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()
            del self._connections[writer]


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self.closed = asyncio.Event()
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It listens."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """The port is free."""
        self.closed.set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a question."""
        answer = self._server.answer(data, most=_UDP_BYTES)
        if answer is not None:
            asyncio.get_running_loop().call_later(self._server.delay, self._send, answer, addr)

    def _send(self, answer: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(answer, addr)


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")
