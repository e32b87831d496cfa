"""What a service says without being asked is nobody's answer, whenever it comes and whatever it is (RFC 9112 §9.2)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import repeat
from typing import Any

import msgspec
import orjson
import pytest

from shared.deadline import Deadline
from shared.errors import BadResponse, Unreachable, UpstreamError
from shared.upstream.call import Call
from shared.upstream.logical import Policies, Upstream
from shared.upstream.reading import json_of
from shared.upstream.retry import RetryRules
from shared.upstream.transport.session import Session
from tests.fixtures.gateway import Clock
from tests.fixtures.unruly_service import FRAMED, UnrulyService, head, in_chunks, with_length

ALICE = b'{"id":"alice"}'

STRAYS = {
    "another answer": with_length(ALICE),
    "a 404": with_length(b"{}", "404 Not Found"),
    "a 408": with_length(b"{}", "408 Request Timeout"),
    "a 500": with_length(b"{}", "500 Oops"),
    "in chunks": in_chunks(ALICE),
    "until the end": head("200 OK") + ALICE,
    "two at once": with_length(ALICE) * 2,
    "early hints": head("103 Early Hints"),
    "the beginning of a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "one letter": b"H",
    "a head without its body": head("200 OK", "Content-Length: 14"),
    "a body": ALICE,
    "a line end": b"\r\n",
    "garbage": b"\x00\xff\xfe",
}


class Thing(msgspec.Struct):
    """What the service is asked for."""

    id: str


@pytest.fixture
async def clock() -> Clock:
    """Time that stands still: nothing takes any, unless the test says so."""
    return Clock()


@pytest.fixture
async def session(loop: object, clock: Clock) -> AsyncIterator[Session]:
    """An open pool."""
    async with Session(clock=clock) as opened:
        yield opened


class Asking:
    """Asks the service as an upstream does, without retries."""

    def __init__(self, session: Session, service: UnrulyService, retries: int = 0) -> None:
        self._upstream = Upstream(
            "user_service", session.transport(service.address), Policies(5, retry=RetryRules(retries))
        )

    async def __call__(self, name: str, *, before_the_write: Callable[[], object] = lambda: None) -> str:
        """Ask for ``name``."""

        def wanted_until() -> float:
            before_the_write()
            return float("inf")

        call: Call[Thing] = Call(f"/users/{name}", json_of(Thing), Deadline.after(5), wanted_until=wanted_until)
        return (await self._upstream.call(call)).id


@pytest.mark.parametrize("stray", STRAYS.values(), ids=list(STRAYS))
@pytest.mark.parametrize("framed", FRAMED.values(), ids=list(FRAMED))
class TestNobodyGetsWhatCameUnasked:
    """Bob is given what is bob's, whatever alice's connection holds."""

    async def test_in_one_breath_with_an_answer(self, session: Session, framed: Any, stray: bytes) -> None:
        """What comes with the end of an answer ends the connection; the answer may be taken."""
        async with UnrulyService(framed) as service:
            ask = Asking(session, service)
            service.behind = stray
            try:
                assert await ask("alice") == "alice"
            except BadResponse:
                assert stray == STRAYS["garbage"] or stray == STRAYS["a body"]
            assert [await ask(name) for name in ("bob", "carol")] == ["bob", "carol"]
            assert service.accepted == (1 if stray == b"\r\n" else 2)  # which may be discarded (RFC 9112 §2.2)

    async def test_after_an_answer_and_read(self, session: Session, framed: Any, stray: bytes) -> None:
        """What comes while the connection lies in the pool ends it at once."""
        async with UnrulyService(framed) as service:
            ask = Asking(session, service)
            assert await ask("alice") == "alice"
            service.say(stray)
            await service.left_alone()
            assert [await ask(name) for name in ("bob", "carol")] == ["bob", "carol"]
            assert service.accepted == 2

    async def test_after_an_answer_and_not_yet_read(self, session: Session, framed: Any, stray: bytes) -> None:
        """What the kernel holds when the next request is to be written is seen, and the service is asked elsewhere."""
        async with UnrulyService(framed) as service:
            ask = Asking(session, service)
            assert await ask("alice") == "alice"
            service.say(stray)
            assert [await ask(name) for name in ("bob", "carol")] == ["bob", "carol"]
            assert service.asked == ["alice", "bob", "carol"]

    async def test_between_the_look_and_the_write(self, session: Session, framed: Any, stray: bytes) -> None:
        """What is there right after the write cannot be its answer; the call is sent again, once."""
        async with UnrulyService(framed) as service:
            ask = Asking(session, service)
            assert await ask("alice") == "alice"
            strays = iter([stray])
            assert await ask("bob", before_the_write=lambda: service.say(next(strays, b""))) == "bob"
            assert await ask("carol") == "carol"

    async def test_on_a_new_connection(self, session: Session, framed: Any, stray: bytes) -> None:
        """What comes before anything was asked ends it, and the service is asked on another one."""
        async with UnrulyService(framed) as service:
            ask = Asking(session, service)
            service.greetings = iter([stray])
            assert [await ask(name) for name in ("bob", "carol")] == ["bob", "carol"]
            assert service.asked == ["bob", "carol"]


@pytest.mark.parametrize("framed", FRAMED.values(), ids=list(FRAMED))
async def test_a_service_that_speaks_in_turn_keeps_its_connection(session: Session, framed: Any) -> None:
    """However it frames its answers, one connection serves one call after the other."""
    async with UnrulyService(framed) as service:
        ask = Asking(session, service)
        assert [await ask(f"user{number}") for number in range(5)] == [f"user{number}" for number in range(5)]
        assert service.accepted == 1


async def test_a_service_that_always_speaks_first_cannot_be_used(session: Session) -> None:
    """Two connections are tried, then it is unavailable; it was never asked."""
    async with UnrulyService() as service:
        service.greetings = repeat(with_length(ALICE))
        with pytest.raises(Unreachable):
            await Asking(session, service)("bob")
        assert (service.asked, service.accepted) == ([], 2)


async def test_who_leaves_a_service_that_speaks_first_leaves_no_connection(session: Session) -> None:
    """In whichever turn of the loop: aiohttp would complain of it."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    async with UnrulyService() as service:
        service.greetings = repeat(with_length(ALICE))
        for turns in range(30):
            asking = asyncio.ensure_future(Asking(session, service)("bob"))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            with pytest.raises((asyncio.CancelledError, Unreachable)):
                await asking
        await service.left_alone()
    assert not complaints


async def test_twice_between_the_look_and_the_write_is_an_error(session: Session) -> None:
    """The call is sent again once and no more."""
    async with UnrulyService() as service:
        ask = Asking(session, service)
        assert await ask("alice") == "alice"
        with pytest.raises(BadResponse):
            await ask("bob", before_the_write=lambda: service.say(with_length(ALICE)))
        assert service.accepted == 2


class TickingClock(Clock):
    """Between any two looks at it pass so many seconds."""

    def __init__(self, tick: float) -> None:
        super().__init__()
        self.tick = tick

    def __call__(self) -> float:
        """The time, later than ever before."""
        self.now += self.tick
        return self.now


@pytest.mark.parametrize(("microseconds", "sent_again"), [(12, True), (13, False), (30, False)])
async def test_a_late_look_proves_nothing(loop: object, microseconds: int, *, sent_again: bool) -> None:
    """What is there when the service may have answered is its answer; before, the call is sent again.

    The clock is asked before it is looked for anything, and after that.
    """
    async with Session(clock=TickingClock(microseconds * 1e-6)) as session, UnrulyService() as service:
        ask = Asking(session, service)
        assert await ask("alice") == "alice"
        quick = iter([with_length(b'{"id":"bob"}')])
        assert await ask("bob", before_the_write=lambda: service.say(next(quick, b""))) == "bob"
        assert service.accepted == 1 + sent_again


@pytest.mark.parametrize("close", [True, False], ids=["noticed", "not yet noticed"])
async def test_connections_that_the_service_has_closed_are_no_attempt(session: Session, *, close: bool) -> None:
    """However many of the pool are closed, the service is asked once, on a new one."""
    async with UnrulyService() as service:
        ask = Asking(session, service)
        await asyncio.gather(*(ask(f"user{number}") for number in range(20)))
        for end in list(service.ends):
            service.hang_up(end)
        if close:
            await asyncio.sleep(0.01)
        assert await ask("bob") == "bob"
        assert service.asked.count("bob") == 1


FLOODS = {
    "early hints": head("103 Early Hints"),
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "with line feeds alone": b"HTTP/1.1 103 E\n\n",
    "behind empty lines": b"\r\nHTTP/1.1 103 E\r\n\r\n",
    "of another version": b"HTTP/2.0 103 E\r\n\r\n",
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=list(FLOODS))
async def test_a_flood_of_informational_answers_is_a_bad_response(session: Session, flood: bytes) -> None:
    """Nine are too many; of the rest of a hundred thousand nothing is waited for."""
    async with UnrulyService(lambda body: (flood * 100_000 + with_length(body),)) as service:
        with pytest.raises(BadResponse):
            await Asking(session, service)("bob")
        await service.left_alone()
        service.framed = FRAMED["with its length"]
        assert await Asking(session, service)("bob") == "bob"


@pytest.mark.parametrize("count", [1, 8])
async def test_a_few_informational_answers_are_waited_behind(session: Session, count: int) -> None:
    """One after the other, and over a connection that is used again."""
    async with UnrulyService(lambda body: (*[head("103 Early Hints")] * count, with_length(body))) as service:
        ask = Asking(session, service)
        assert [await ask("alice"), await ask("bob")] == ["alice", "bob"]
        assert service.accepted == 1


async def test_of_a_flood_of_answers_hardly_one_is_parsed(session: Session) -> None:
    """A parser that met what stands at the flood's end would give nothing at all."""
    async with UnrulyService() as service:
        service.behind = with_length(ALICE) * 300 + STRAYS["garbage"]
        ask = Asking(session, service)
        assert [await ask("bob"), await ask("carol")] == ["bob", "carol"]


@pytest.mark.parametrize("form", [with_length, in_chunks], ids=["with its length", "in chunks"])
@pytest.mark.parametrize("size", [0, 1, 8_100, 8_192, 8_193, 65_536, 200_000, 1_000_000])
async def test_long_answers_are_read_whole(session: Session, form: Callable[[bytes], bytes], size: int) -> None:
    """Whatever their length, over one connection."""
    pad = orjson.dumps({"id": "x" * size})
    async with UnrulyService(lambda _body: (form(pad),)) as service:
        ask = Asking(session, service)
        assert [await ask("alice"), await ask("bob")] == ["x" * size] * 2
        assert service.accepted == 1


@pytest.mark.parametrize("status", ["200 OK", "400 No", "408 Late", "422 No", "429 Slow down", "500 Oops", "503 Busy"])
async def test_a_connection_is_kept_only_after_an_answer_of_use(loop: object, status: str) -> None:
    """What came may have been another's answer, and its own be yet to come: the next request has a new connection."""
    async with UnrulyService() as service, Session() as session:
        send = session.transport(service.address)
        call = Call("/x", json_of(dict[str, str]), Deadline.after(10))
        for _ in range(2):
            await send(call)
        service.framed = lambda body: (with_length(b"[]" if status == "200 OK" else body, status),)
        with pytest.raises(UpstreamError):
            await send(call)
        service.framed = FRAMED["with its length"]
        for _ in range(2):
            await send(call)
        assert service.accepted == 2
