"""The name server of tests and benchmarks, asked by another library's client than the gateway's."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from dnslib import RCODE, DNSError, DNSRecord

from benchmarks.common.dns_server import DnsServer, Mode, address, service

NAME = "users.test"
IMPATIENT = 0.05
"""Seconds that a client waits which is to get nothing."""


@pytest.fixture
async def server(loop: object) -> AsyncIterator[DnsServer]:
    """One that knows two names."""
    async with DnsServer() as server:
        server.say(NAME, address("10.0.0.1"), address("10.0.0.2"), address("::1"))
        server.say(f"_http._tcp.{NAME}", service(NAME, 8001, priority=1), service("other.test", 8002))
        yield server


async def ask(server: DnsServer, name: str, kind: str, *, tcp: bool = False, wait: float = 10) -> DNSRecord:
    """What it answers, or TimeoutError."""
    question = DNSRecord.question(name, kind)
    answer = await asyncio.to_thread(question.send, server.host, server.port, tcp=tcp, timeout=wait)
    return DNSRecord.parse(answer)


@pytest.mark.parametrize("tcp", [False, True])
async def test_records_are_told_by_udp_and_tcp(server: DnsServer, tcp: bool) -> None:
    """Those of the type that was asked for; what is unknown does not exist."""
    found = {kind: await ask(server, NAME.upper(), kind, tcp=tcp) for kind in ("A", "AAAA", "SRV")}
    assert [str(rr.rdata) for rr in found["A"].rr] == ["10.0.0.1", "10.0.0.2"]
    assert [str(rr.rdata) for rr in found["AAAA"].rr] == ["::1"]
    assert (found["SRV"].rr, found["SRV"].header.rcode) == ([], RCODE.NOERROR)
    services = await ask(server, f"_http._tcp.{NAME}", "SRV", tcp=tcp)
    assert [str(rr.rdata) for rr in services.rr] == [f"1 0 8001 {NAME}.", "0 0 8002 other.test."]
    assert (await ask(server, "unknown.test", "A", tcp=tcp)).header.rcode == RCODE.NXDOMAIN
    assert server.asked[:3] == [(NAME, "A"), (NAME, "AAAA"), (NAME, "SRV")]


async def test_addresses_of_targets_come_along_when_wanted(server: DnsServer) -> None:
    """In the additional section, as RFC 2782 allows."""
    server.additional = True
    services = await ask(server, f"_http._tcp.{NAME}", "SRV")
    assert [str(rr.rdata) for rr in services.ar] == ["10.0.0.1", "10.0.0.2", "::1"]


async def test_what_is_long_comes_by_tcp(server: DnsServer) -> None:
    """By UDP it is marked as truncated."""
    server.say(NAME, *(address(f"10.0.0.{number}") for number in range(100)))
    short = await ask(server, NAME, "A")
    assert (short.header.tc, short.rr) == (1, [])
    assert len((await ask(server, NAME, "A", tcp=True)).rr) == 100


async def test_each_failure_is_the_one_it_is_called(server: DnsServer) -> None:
    """For one name or all."""
    for mode, code in ((Mode.SERVFAIL, RCODE.SERVFAIL), (Mode.NXDOMAIN, RCODE.NXDOMAIN), (Mode.EMPTY, RCODE.NOERROR)):
        server.turn(mode, NAME)
        answer = await ask(server, NAME, "A")
        assert (answer.header.rcode, answer.rr) == (code, [])
    server.turn(Mode.OTHER)
    assert str((await ask(server, NAME, "A")).q.qname) == "other.test."
    for mode in (Mode.CUT, Mode.GARBAGE):
        server.turn(mode)
        with pytest.raises(DNSError):
            await ask(server, NAME, "A")
    server.turn(Mode.ANSWER)
    server.forget(NAME)
    assert (await ask(server, NAME, "A")).header.rcode == RCODE.NXDOMAIN


@pytest.mark.parametrize("tcp", [False, True])
async def test_silence_is_silence(server: DnsServer, tcp: bool) -> None:
    """Of one name alone, and nothing of it is left when the server is closed."""
    server.turn(Mode.SILENT, NAME)
    with pytest.raises(TimeoutError):
        await ask(server, NAME, "A", tcp=tcp, wait=IMPATIENT)
    assert (await ask(server, f"_http._tcp.{NAME}", "SRV", tcp=tcp)).header.rcode == RCODE.NOERROR


async def test_its_port_is_free_when_it_has_ended(loop: object) -> None:
    """Another one can take its place at once."""
    async with DnsServer() as server:
        pass
    async with DnsServer(server.host, server.port) as other:
        other.say(NAME, address("10.0.0.3"))
        assert [str(rr.rdata) for rr in (await ask(other, NAME, "A")).rr] == ["10.0.0.3"]
