"""Clients that are not honest, a line each: what they get is to be true, and costs nobody else anything."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from benchmarks.chaos.hostile import rude_heads, truth
from benchmarks.chaos.hostile.draw import one_of
from benchmarks.chaos.hostile.failures import Failures
from benchmarks.chaos.hostile.judge import Judge
from benchmarks.chaos.hostile.reading import Broken, Received
from benchmarks.chaos.hostile.wire import Wire

_GLANCE_SECONDS: Final = 0.3
_ANSWER_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.01
_DEEP: Final = 300
_REQUEST: Final = b"GET /api/profile/%b HTTP/1.1\r\nHost: x\r\nX-Request-ID: %b\r\n\r\n"


@dataclass
class Rude:
    """One client and what it needs.

    Attributes:
        port: of the gateway.
        dice: what it draws from.
        judge: of what it gets.
        failures: of the run.
    """

    port: int
    dice: Random
    judge: Judge
    failures: Failures

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            habit = one_of(HABITS, self.dice)
            self.failures.journal.counts[f"client: {habit.name}"] += 1
            try:
                await habit.do(self)
            except Broken as error:
                self.failures.add("broken answer", f"{error} ({habit.name})", head=error.data)
            except (OSError, TimeoutError):
                pass
            await asyncio.sleep(_PAUSE_SECONDS)

    def wire(self) -> Wire:
        """A connection of its own."""
        return Wire(self.port)

    def user(self) -> bytes:
        """Somebody."""
        return self.dice.choice(truth.USERS).encode()

    def requests(self, count: int, name: str = "deep") -> list[tuple[bytes, str]]:
        """Plain requests, each with its id."""
        ids = [f"{name}-{self.dice.getrandbits(40):x}" for _ in range(count)]
        return [(_REQUEST % (self.user(), one.encode()), one) for one in ids]

    def heard(self, wire: Wire, heard: Received | None, request: bytes = b"") -> Received | None:
        """Have it judged, as an answer to ``request`` or what was sent last."""
        if heard is not None:
            self.judge.any_answer(request or wire.sent, heard)
        return heard


Do = Callable[[Rude], Awaitable[None]]


@dataclass(frozen=True)
class Habit:
    """Something that such a client does."""

    name: str
    do: Do
    weight: float = 1.0


async def _doubtful(client: Rude, data: bytes, statuses: frozenset[int]) -> None:
    async with client.wire() as wire:
        await wire.send(data + rude_heads.hidden(client.dice))
        first = client.heard(wire, await wire.hear(_ANSWER_SECONDS))
        if first is None or first.status not in statuses:
            got = "the connection ended" if first is None else str(first.status)
            client.failures.add("a doubtful head is taken", got, request=data, head=first.head if first else b"")
        if first is not None:
            await _nothing_more(client, wire, data)


async def _nothing_more(client: Rude, wire: Wire, data: bytes) -> None:
    try:
        rest = await wire.rest(_ANSWER_SECONDS)
    except TimeoutError:
        client.failures.add("not let go", "a connection on which something doubtful came", request=data)
        return
    if rest:
        kind = "smuggled" if b"smuggled" in rest or truth.GHOST.encode() in rest else "an answer to nothing"
        client.failures.add(kind, "more than one answer", request=data, head=rest)


async def _doubtful_head(client: Rude) -> None:
    await _doubtful(client, client.dice.choice(rude_heads.DOUBTFUL), frozenset((400,)))


async def _doubtful_body(client: Rude) -> None:
    await _doubtful(client, client.dice.choice(rude_heads.DOUBTFUL_BODIES), frozenset((400, 401, 404, 405, 413)))


async def _glance(client: Rude, data: bytes) -> None:
    """Send it, and judge whatever comes."""
    async with client.wire() as wire:
        await wire.send(data)
        if client.dice.random() < 0.5:
            wire.shut_down_writing()
        while client.heard(wire, await wire.hear(_GLANCE_SECONDS)) is not None:
            pass


async def _odd(client: Rude) -> None:
    await _glance(client, client.dice.choice(rude_heads.ODD))


async def _mutated(client: Rude) -> None:
    await _glance(client, rude_heads.mutated(client.dice))


async def _odd_in_a_row(client: Rude) -> None:
    await _glance(client, b"".join(client.dice.choice(rude_heads.ODD) for _ in range(client.dice.randint(2, 10))))


async def _hide(client: Rude) -> None:
    """A whole request as the body of another one: the next answer is that to the next request."""
    body = rude_heads.hidden(client.dice)
    ((last, request_id),) = client.requests(1, "after")
    line = client.dice.choice((b"GET /api/profile/user1", b"POST /nowhere", b"POST /api/profile/user1"))
    if client.dice.random() < 0.5:
        framed = b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    else:
        framed = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    async with client.wire() as wire:
        await wire.send(line + b" HTTP/1.1\r\nHost: x\r\n" + framed + last)
        first = client.heard(wire, await wire.hear(_ANSWER_SECONDS))
        if first is not None and not first.ends:
            second = client.heard(wire, await wire.hear(_ANSWER_SECONDS))
            if second is not None and second.headers.get("x-request-id") != request_id:
                client.failures.add("smuggled", "the answer after it is another's", request=wire.sent, head=second.head)


async def _deep(client: Rude) -> None:
    """Hundreds of requests at once; each gets its answer, in order."""
    asked = client.requests(_DEEP)
    async with client.wire() as wire:
        await wire.send(b"".join(request for request, _ in asked))
        for place, (request, request_id) in enumerate(asked):
            heard = client.heard(wire, await wire.hear(_ANSWER_SECONDS), request)
            what = f"to request {place} of {_DEEP} on one connection"
            if heard is None:
                client.failures.add("no answer", what, request=request)
                return
            if heard.headers.get("x-request-id") != request_id:
                client.failures.add("wrong order", what, request=request, head=heard.head)
            if heard.ends:
                return


async def _deep_and_leave(client: Rude) -> None:
    async with client.wire() as wire:
        await wire.send(b"".join(request for request, _ in client.requests(_DEEP)))
        await asyncio.sleep(client.dice.uniform(0, 0.02))
        if client.dice.random() < 0.5:
            wire.reset()


async def _deep_and_half_close(client: Rude) -> None:
    """The same for one that sends no more: all answers, then the end."""
    asked = client.requests(5, "half")
    async with client.wire() as wire:
        await wire.send(b"".join(request for request, _ in asked))
        wire.shut_down_writing()
        for request, request_id in asked:
            heard = client.heard(wire, await wire.hear(_ANSWER_SECONDS), request)
            if heard is None or heard.headers.get("x-request-id") != request_id:
                what = "to a client that sent five requests and no more"
                client.failures.add("no answer", what, request=request, head=heard.head if heard else b"")
                return


async def _leave(client: Rude) -> None:
    """Dozens ask and are gone before there can be an answer."""
    for _ in range(20):
        async with client.wire() as wire:
            ((request, _),) = client.requests(1, "left")
            await wire.send(request[: client.dice.choice((len(request), len(request), 20))])
            if client.dice.random() < 0.5:
                await asyncio.sleep(client.dice.uniform(0, 0.005))
            if client.dice.random() < 0.5:
                wire.reset()


async def _come_and_go(client: Rude) -> None:
    """Connections on which nothing is asked."""
    wires = [await client.wire().open() for _ in range(15)]
    await asyncio.sleep(0.01)
    for wire in wires:
        wire.end()


async def _read_nothing(client: Rude) -> None:
    """Ask for much, and take nothing of it."""
    path = client.dice.choice((b"/metrics", b"/openapi.json", b"/api/profile/greedy0"))
    count = 2 if b"greedy" in path else 20
    async with client.wire() as wire:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await wire.send(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path * count)
        await asyncio.sleep(client.dice.uniform(0.2, 2))


async def _read_slowly(client: Rude) -> None:
    """A profile, a few bytes at a time."""
    ((request, _),) = client.requests(1, "slow")
    async with client.wire() as wire:
        await wire.send(request)
        for _ in range(40):
            if not await wire.reader.read(50):
                return
            await asyncio.sleep(0.01)


async def _scrape(client: Rude) -> None:
    """Figures, asked for in a loop."""
    async with client.wire() as wire:
        for _ in range(5):
            path = client.dice.choice((b"/metrics", b"/api/cache/stats"))
            await wire.send(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path)
            if client.heard(wire, await wire.hear(_ANSWER_SECONDS)) is None:
                return


HABITS: Final = (
    Habit("doubtful head", _doubtful_head, 8),
    Habit("doubtful body", _doubtful_body, 2),
    Habit("odd request", _odd, 6),
    Habit("odd requests in a row", _odd_in_a_row, 2),
    Habit("mutated request", _mutated, 6),
    Habit("a request in a body", _hide, 3),
    Habit("hundreds of requests at once", _deep, 0.4),
    Habit("hundreds of requests, then leaves", _deep_and_leave, 0.4),
    Habit("five requests, then half-closes", _deep_and_half_close, 1),
    Habit("asks and leaves", _leave, 1),
    Habit("comes and goes", _come_and_go, 1),
    Habit("reads nothing", _read_nothing, 0.7),
    Habit("reads slowly", _read_slowly, 0.7),
    Habit("scrapes", _scrape, 0.7),
)
