"""SRV records and what they lead to, by a real name server."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Final

import pytest

from benchmarks.common.dns_server import DnsServer, Mode, address, service
from shared.upstream.lookup.address import targets
from shared.upstream.lookup.failure import LookupFailed
from shared.upstream.lookup.find import Finder
from shared.upstream.lookup.location import Location
from shared.upstream.lookup.lookup import Lookup
from shared.upstream.lookup.names import Names
from shared.upstream.lookup.srv import SrvRecords

NAME: Final = "_http._tcp.users.test"
IMPATIENT_SECONDS: Final = 0.1
KNOWN: Final = {
    "one.test.": ["10.0.0.1"],
    "two.test.": ["::1", "127.0.0.1"],
    "many.test.": ["10.0.1.1", "10.0.1.2", "fd00::1"],
    "nothing.test.": [],
}


def look_up(name: str) -> list[str]:
    """What the system would find."""
    if name not in KNOWN:
        raise OSError(5, name)
    return KNOWN[name]


@pytest.fixture
async def server(loop: object) -> AsyncIterator[DnsServer]:
    """One that knows nothing."""
    async with DnsServer() as server:
        yield server


def records(server: DnsServer) -> SrvRecords:
    """What is tested."""
    return SrvRecords(Names(look_up), (server.host, server.port))


async def test_targets_are_looked_up_as_names(server: DnsServer) -> None:
    """Each with the port of its record; one that has no address is left out."""
    names = ("one.test", "two.test", "many.test", "nothing.test")
    server.say(NAME, *(service(name, 8000 + place) for place, name in enumerate(names)))
    assert sorted(await records(server).places(NAME)) == [
        (("10.0.0.1",), 8000), (("10.0.1.1",), 8002), (("10.0.1.2",), 8002), (("::1", "127.0.0.1"), 8001)
    ]  # fmt: skip


async def test_the_lowest_priority_alone_counts(server: DnsServer) -> None:
    """Whatever the weights; what says that there is no service does not count at all."""
    server.say(
        NAME,
        service("one.test", 1, priority=2, weight=9),
        service("one.test", 2, priority=1),
        service("one.test", 3, priority=1, weight=9),
        service(".", 0, priority=0),
    )
    assert sorted(port for _, port in await records(server).places(NAME)) == [2, 3]
    server.say(NAME, service(".", 0))
    assert await records(server).places(NAME) == []


async def test_addresses_that_come_along_are_taken(server: DnsServer) -> None:
    """Unless the system has to say which family is better."""
    server.additional = True
    server.say("Here.test", address("10.0.2.1"), address("10.0.2.2"))
    server.say("two.test", address("127.0.0.1"), address("::1"))
    server.say(NAME, service("here.TEST", 1), service("two.test", 2), service("one.test", 3))
    assert sorted(await records(server).places(NAME)) == [
        (("10.0.0.1",), 3), (("10.0.2.1",), 1), (("10.0.2.2",), 1), (("::1", "127.0.0.1"), 2)
    ]  # fmt: skip


async def test_many_records_come_by_tcp(server: DnsServer) -> None:
    """A datagram has no room for them."""
    server.say(NAME, *(service("one.test", port) for port in range(1, 301)))
    assert len(await records(server).places(NAME)) == 300


@pytest.mark.parametrize("mode", [Mode.EMPTY, Mode.NXDOMAIN])
async def test_no_record_is_an_answer(server: DnsServer, mode: Mode) -> None:
    """There are no instances."""
    server.turn(mode)
    assert await records(server).places(NAME) == []


@pytest.mark.parametrize("mode", [Mode.SERVFAIL, Mode.OTHER, Mode.CUT, Mode.GARBAGE, Mode.SILENT])
async def test_no_telling_is_a_failure(server: DnsServer, mode: Mode) -> None:
    """An answer that is none, or to another question, or no answer, is not taken for anything."""
    server.say(NAME, service("one.test", 1))
    server.turn(mode)
    with pytest.raises(LookupFailed):
        await SrvRecords(Names(look_up), (server.host, server.port), IMPATIENT_SECONDS).places(NAME)


async def test_a_target_that_cannot_be_looked_up_is_a_failure(server: DnsServer) -> None:
    """Its instances may be well: they are not left out because nobody can tell."""
    server.say(NAME, service("one.test", 1), service("unknown.test", 2))
    with pytest.raises(LookupFailed, match="unknown"):
        await records(server).places(NAME)


async def test_each_form_of_address_finds_its_instances(server: DnsServer) -> None:
    """Known, by name and by SRV records, with what is before every path."""
    server.say(NAME, service("one.test", 8443))
    finder = Finder(Names(look_up), (server.host, server.port))
    known, named, by_records = targets(f"http://[::1]/v2,dns+http://two.test.:8001,srv+https://{NAME}/v3")
    assert list(await finder(known)) == [Location("http://[::1]/v2", ("::1",), 80)]
    assert list(await finder(named)) == [Location("http://two.test.:8001", ("::1", "127.0.0.1"), 8001)]
    assert list(await finder(by_records)) == [Location("https://users.test:8443/v3", ("10.0.0.1",), 8443)]


async def test_instances_come_and_go_with_their_records(server: DnsServer) -> None:
    """Those known stay while the name server says nothing, fails or knows of none."""
    changes: asyncio.Queue[tuple[Location, ...]] = asyncio.Queue()
    finder = Finder(Names(look_up), (server.host, server.port))
    server.say(NAME, service("one.test", 1))
    async with Lookup("a", targets(f"srv+http://{NAME}"), finder, changes.put_nowait) as lookup:
        assert [location.label for location in await changes.get()] == ["10.0.0.1:1"]
        server.say(NAME, service("one.test", 1), service("one.test", 2))
        lookup.hurry()
        assert [location.label for location in await changes.get()] == ["10.0.0.1:1", "10.0.0.1:2"]
        for mode in (Mode.EMPTY, Mode.NXDOMAIN, Mode.SERVFAIL, Mode.SILENT):
            server.turn(mode)
            server.asked.clear()
            while not server.asked:
                lookup.hurry()
                await asyncio.sleep(0.01)
        server.turn(Mode.ANSWER)
        server.say(NAME, service("one.test", 2))
        assert [location.label for location in await changes.get()] == ["10.0.0.1:2"]


async def test_nothing_is_left_of_a_question_without_an_answer(server: DnsServer) -> None:
    """No task and no socket, whoever leaves in the middle."""
    server.turn(Mode.SILENT)
    finder = Finder(Names(look_up), (server.host, server.port))
    before = asyncio.all_tasks()
    async with Lookup("a", targets(f"srv+http://{NAME}"), finder, print):
        while not server.asked:
            await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before
    gc.collect()
