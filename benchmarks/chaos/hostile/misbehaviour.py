"""Every way for a service to misbehave, a line each."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Protocol

import orjson

from benchmarks.chaos.hostile import truth

USERS: Final = "users"
ORDERS: Final = "orders"
PRODUCTS: Final = "products"
SERVICES: Final = (USERS, ORDERS, PRODUCTS)

Later = Callable[[Awaitable[None]], None]
Behave = Callable[["Asked"], Awaitable[None]]


class Wire(Protocol):
    """The connection that a request came on, as far as an answer needs it."""

    def write(self, data: bytes) -> None:
        """Send."""
        ...

    def reset(self) -> None:
        """End it with RST."""
        ...

    def close(self) -> None:
        """End it."""
        ...

    def is_closing(self) -> bool:
        """Whether it has ended."""
        ...

    def is_silent(self) -> bool:
        """Whether nothing has come since the last request, as far as the kernel knows."""
        ...

    async def drain(self) -> None:
        """Wait until what was written has gone."""
        ...


@dataclass
class Asked:
    """A request at a service.

    Attributes:
        service: which one.
        ids: whom or what it asks for.
        document: the right answer, before it is JSON.
        status: of the right answer.
        dice: what this answer is drawn from.
        wire: where it goes.
        later: takes what is to be done when the answer is over.
    """

    service: str
    ids: Sequence[str]
    status: str
    document: Any
    dice: Random
    wire: Wire
    later: Later

    @property
    def is_yes(self) -> bool:
        """Whether the right answer is what was asked for."""
        return self.status.startswith("200")

    @property
    def right(self) -> bytes:
        """The right body."""
        return orjson.dumps(self.document)

    def of_another(self) -> bytes:
        """The right body for somebody or something else, whom this service may have been asked for as well."""
        other = _somebody_else(self.dice, self.ids)
        if self.service == USERS:
            return orjson.dumps(truth.user(other))
        if self.service == ORDERS:
            return orjson.dumps(truth.orders(other))
        return orjson.dumps([truth.product(_stranger(self.dice))])


@dataclass(frozen=True)
class Misbehaviour:
    """One way to misbehave; ``services`` are those that can."""

    name: str
    behave: Behave
    weight: float = 1.0
    services: Sequence[str] = field(default=SERVICES)


def http(body: bytes, *headers: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """A whole answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


async def rightly(asked: Asked) -> None:
    """What a service that is well does."""
    asked.wire.write(http(asked.right, status=asked.status))


def _says(body: bytes, *headers: str, status: str = "200 OK", kind: str = "application/json") -> Behave:
    return _writes(http(body, *headers, status=status, kind=kind))


def _writes(data: bytes, *, then: str = "") -> Behave:
    async def behave(asked: Asked) -> None:
        asked.wire.write(data)
        if then:
            await asked.wire.drain()
            getattr(asked.wire, then)()

    return behave


def _made(make: Callable[[Asked], bytes], *, then: str = "") -> Behave:
    async def behave(asked: Asked) -> None:
        await _writes(make(asked), then=then)(asked)

    return behave


async def _hang(asked: Asked) -> None:
    while not asked.wire.is_closing():  # noqa: ASYNC110 - asyncio tells one by one
        await asyncio.sleep(0.05)


def _then_hang(data: bytes) -> Behave:
    async def behave(asked: Asked) -> None:
        asked.wire.write(data)
        await _hang(asked)

    return behave


def _again_and_again(data: bytes, seconds: float, times: int, before: bytes = b"") -> Behave:
    async def behave(asked: Asked) -> None:
        asked.wire.write(before)
        for _ in range(times):
            if asked.wire.is_closing():
                return
            asked.wire.write(data)
            await asked.wire.drain()
            await asyncio.sleep(seconds)

    return behave


async def _in_pieces(asked: Asked) -> None:
    data = http(asked.right, status=asked.status)
    size = max(1, len(data) // 12)
    for place in range(0, len(data), size):
        asked.wire.write(data[place : place + size])
        await asyncio.sleep(0.005)


async def _slowly(asked: Asked) -> None:
    await asyncio.sleep(asked.dice.uniform(0.02, 0.3))
    await rightly(asked)


def _late(make: Callable[[Asked], bytes], *, then: str = "") -> Behave:
    """The right answer, and a while after it another one that nobody has asked for.

    It is sent only where nothing has been asked meanwhile: its first bytes are there before the next request is, and
    it is cut off should a request have crossed them. So whoever takes it for an answer could have known better.
    """

    async def stray(asked: Asked) -> None:
        await asyncio.sleep(asked.dice.choice((0.0, 0.001, 0.01, 0.05, 0.1)))
        data = make(asked)
        if asked.wire.is_closing() or not asked.wire.is_silent():
            return
        asked.wire.write(data[:9])
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


def _twice(make: Callable[[Asked], bytes]) -> Behave:
    async def behave(asked: Asked) -> None:
        asked.wire.write(http(asked.right, status=asked.status) + make(asked))

    return behave


async def _late_and_careless(asked: Asked) -> None:
    """Like a late answer, but it may cross a request, so that only what is in it tells that it is none."""
    await rightly(asked)

    async def stray() -> None:
        await asyncio.sleep(asked.dice.uniform(0.0, 0.1))
        if not asked.wire.is_closing():
            asked.wire.write(http(asked.of_another()))

    asked.later(stray())


def _another(asked: Asked) -> bytes:
    return http(asked.of_another())


def _changed(change: Callable[[Any, Random], Any]) -> Behave:
    """The right answer with something changed in it; one that says no is left as it is."""

    def make(asked: Asked) -> bytes:
        document = orjson.loads(asked.right)
        return http(orjson.dumps(change(document, asked.dice) if asked.is_yes else document), status=asked.status)

    return _made(make)


def _somebody_else(dice: Random, ids: Sequence[str]) -> str:
    return dice.choice([one for one in truth.USERS if one not in ids])


def _stranger(dice: Random) -> str:
    """A product that nobody has bought: whoever gets it has not asked for it."""
    return f"of-stranger{dice.randrange(1000)}"


def _one_foreign(document: Any, dice: Random) -> Any:
    foreign = truth.orders(_somebody_else(dice, [order["user_id"] for order in document]))[0]
    return [*document, foreign]


def _upper(document: Any, _dice: Random) -> Any:
    return document | {"id": document["id"].upper()}


def _relabelled(document: Any, dice: Random) -> Any:
    """One product bears an id that nobody has asked for."""
    if document:
        document[dice.randrange(len(document))]["id"] = _stranger(dice)
    return document


def _swapped(document: Any, dice: Random) -> Any:
    """One product is another one, nobody has asked for it."""
    if document:
        document[dice.randrange(len(document))] = truth.product(_stranger(dice))
    return document


def _odd_member(document: Any, dice: Random) -> Any:
    place = dice.randrange(len(document) + 1)
    return [*document[:place], dice.choice((None, 1, "x", {}, [], {"id": "prod1"})), *document[place:]]


def _without_something(document: Any, dice: Random) -> Any:
    one = document if isinstance(document, dict) else dice.choice(document or [{}])
    if one:
        one.pop(dice.choice(sorted(one)))
    return document


def _odd_value(document: Any, dice: Random) -> Any:
    one = document if isinstance(document, dict) else dice.choice(document or [{}])
    if one:
        one[dice.choice(sorted(one))] = dice.choice((None, {}))
    return document


def _further_fields(document: Any, _dice: Random) -> Any:
    for one in document if isinstance(document, list) else [document]:
        one["password_hash"] = f"secret of {one.get('id')}"
    return document


_MONEY: Final = (
    b'"NaN"', b'"Infinity"', b'"-Infinity"', b'"sNaN"', b'"NaN123"', b"NaN", b"Infinity", b'"1_000.5"', b'" 12 "',
    '"١٢"'.encode(), b"1e999999999999", b'"1e999999999999"', b"1e400", b'"0x10"', b"true", b"null", b"[]", b'""',
    b'"1."',
    b'".5"', b'"+1"', b'"01"', b"01", b'"' + b"9" * 60 + b'"', b"-", b'"1,5"', b'"\\u0000"', b"{}",
)  # fmt: skip


def _odd_money(asked: Asked) -> bytes:
    """One price is none."""
    name = asked.dice.choice((b'"price":', b'"total_amount":') if asked.service == ORDERS else (b'"price":',))
    body = asked.right
    places = [place for place in range(len(body)) if body.startswith(name, place)]
    if places:
        start = asked.dice.choice(places) + len(name)
        end = min(place for end in b",}" if (place := body.find(end, start)) > 0)
        body = body[:start] + asked.dice.choice(_MONEY) + body[end:]
    return http(body, status=asked.status)


def _money_as_text(asked: Asked) -> bytes:
    """The right prices, as strings: the digits are to pass."""
    return http(asked.right.replace(b'"price":10.5', b'"price":"10.50"'), status=asked.status)


def _length(change: int) -> Behave:
    """The right answer, with a length that is not its own."""

    def make(asked: Asked) -> bytes:
        body = asked.right
        head = f"HTTP/1.1 {asked.status}\r\nContent-Type: application/json\r\nContent-Length: {len(body) + change}"
        return head.encode() + b"\r\n\r\n" + body

    return _made(make)


def _in_chunks(*, size: str, end: bytes, then: str = "") -> Behave:
    """The right answer in one chunk, with a size like this and this after it."""

    def make(asked: Asked) -> bytes:
        body = asked.right
        head = f"HTTP/1.1 {asked.status}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head.encode() + size.format(len(body)).encode() + b"\r\n" + body + end

    return _made(make, then=then)


def _preceded(data: bytes) -> Behave:
    return _made(lambda asked: data + http(asked.right, status=asked.status))


def _framed(*headers: str) -> Behave:
    return _made(lambda asked: http(asked.right, *headers, status=asked.status))


def _cut(asked: Asked) -> bytes:
    data = http(asked.right, status=asked.status)
    return data[: asked.dice.randrange(len(data))]


def _garbled(asked: Asked) -> bytes:
    body = bytearray(asked.right)
    body[asked.dice.randrange(len(body))] = asked.dice.choice((0xFF, 0x00, 0xC0))
    return http(bytes(body), status=asked.status)


_HINT: Final = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
_BOMB: Final = gzip.compress(b" " * 20_000_000)
_OPEN: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n["
_ENDLESS: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
_NO: Final = http(b"{}", status="404 Not Found")
_LATE: Final = http(b"{}", status="408 Request Timeout")
_THINGS: Final = (ORDERS, PRODUCTS)

MISBEHAVIOURS: Final = (
    *(Misbehaviour(f"status {code}", _says(b"{}", status=f"{code} No")) for code in (401, 403, 410, 418)),
    # From the product service these would say that there is no such product, which nobody could know to be untrue.
    *(
        Misbehaviour(f"status {code}", _says(b"{}", status=f"{code} No"), 1, (USERS, ORDERS))
        for code in (400, 413, 422)
    ),
    Misbehaviour("status 404", _says(b"{}", status="404 Not Found"), 1, (ORDERS,)),
    *(Misbehaviour(f"status {code}", _says(b"{}", status=f"{code} Oops")) for code in (500, 502, 503, 504, 599)),
    *(
        Misbehaviour(f"Retry-After: {value}", _says(b"{}", f"Retry-After: {value}", status="503 Later"), 0.5)
        for value in ("0", "1", "99999999999", "-1", "soon", "Tue, 01 Jan 2030 00:00:00 GMT", "1e9", "\xb2")
    ),
    Misbehaviour("status 429", _says(b"{}", "Retry-After: 1", status="429 Slow down")),
    Misbehaviour("status 204", _writes(b"HTTP/1.1 204 None\r\n\r\n")),
    Misbehaviour("status 206", _says(b"[]", status="206 Partial Content")),
    Misbehaviour("status 304", _writes(b"HTTP/1.1 304 Not Modified\r\n\r\n")),
    Misbehaviour("status 101", _writes(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")),
    Misbehaviour("redirect", _says(b"", "Location: http://127.0.0.1:1/stolen", status="302 Found")),
    # A 404 that the service has not written itself.
    Misbehaviour("404 text/html", _says(b"<h1>404</h1>", status="404 Not Found", kind="text/html"), 2, (USERS,)),
    Misbehaviour("404 text/plain", _says(b"{}", status="404 Not Found", kind="text/plain"), 1, (USERS,)),
    Misbehaviour("404 empty", _says(b"", status="404 Not Found"), 1, (USERS,)),
    Misbehaviour("404 that is no JSON", _says(b"<no>", status="404 Not Found"), 1, (USERS,)),
    # An answer to another question.
    Misbehaviour("another's answer", _made(_another), 3),
    Misbehaviour("two answers at once", _twice(_another), 2),
    Misbehaviour("two answers at once, 404", _twice(lambda _: _NO), 1),
    Misbehaviour("two answers at once, []", _twice(lambda _: http(b"[]")), 1, _THINGS),
    Misbehaviour("a late second answer", _late(_another), 4),
    Misbehaviour("a late second answer, 404", _late(lambda _: _NO), 2),
    Misbehaviour("a late second answer, []", _late(lambda _: http(b"[]")), 2, _THINGS),
    Misbehaviour("a late 408", _late(lambda _: _LATE), 1),
    Misbehaviour("a late 408, then closes", _late(lambda _: _LATE, then="close"), 1),
    Misbehaviour("a late half of an answer", _late(lambda asked: http(asked.of_another())[:-3]), 1),
    Misbehaviour("a late line", _late(lambda _: b"\r\n" * 10), 1),
    Misbehaviour("a late careless answer", _late_and_careless, 2, (USERS, ORDERS)),
    Misbehaviour("one foreign order", _changed(_one_foreign), 2, (ORDERS,)),
    Misbehaviour("the id in upper case", _changed(_upper), 1, (USERS,)),
    Misbehaviour("a product under another id", _changed(_relabelled), 2, (PRODUCTS,)),
    Misbehaviour("a product instead of another", _changed(_swapped), 2, (PRODUCTS,)),
    # Shapes and values.
    Misbehaviour("odd money", _made(_odd_money), 4, _THINGS),
    Misbehaviour("money as text", _made(_money_as_text), 1, _THINGS),
    Misbehaviour("an odd member", _changed(_odd_member), 1, _THINGS),
    Misbehaviour("something left out", _changed(_without_something)),
    Misbehaviour("an odd value", _changed(_odd_value)),
    Misbehaviour("further fields", _changed(_further_fields)),
    Misbehaviour("another shape", _says(b'{"unexpected":[1,2,3]}')),
    Misbehaviour("null", _says(b"null")),
    Misbehaviour("nothing", _says(b"")),
    Misbehaviour("garbled", _made(_garbled), 2),
    Misbehaviour("nested without end", _says(b"[" * 200_000), 0.2),
    Misbehaviour("a lone surrogate", _says(rb'{"id":"\ud800"}')),
    Misbehaviour("a byte order mark", _made(lambda asked: http(b"\xef\xbb\xbf" + asked.right))),
    Misbehaviour("text/html", _made(lambda asked: http(asked.right, kind="text/html"))),
    # Framing.
    Misbehaviour("few hints", _preceded(_HINT * 3)),
    Misbehaviour("a flood of hints", _writes(_HINT * 20_000, then="close"), 0.3),
    Misbehaviour("a cut answer", _made(_cut, then="close"), 2),
    Misbehaviour("a cut answer, reset", _made(_cut, then="reset"), 2),
    Misbehaviour("a length too small", _length(-3)),
    Misbehaviour("a length too great", _length(+3)),
    Misbehaviour("one chunk", _in_chunks(size="{:x}", end=b"\r\n0\r\n\r\n")),
    Misbehaviour("a chunk of odd size", _in_chunks(size="0x{:x}", end=b"\r\n0\r\n\r\n")),
    Misbehaviour("a chunk of no size", _in_chunks(size="zz", end=b"\r\n0\r\n\r\n")),
    Misbehaviour("a chunk without end", _in_chunks(size="{:x}", end=b"", then="close")),
    Misbehaviour("chunks without end", _in_chunks(size="{:x}", end=b"\r\n", then="close")),
    Misbehaviour("two lengths", _framed("Content-Length: 2")),
    Misbehaviour("a length and chunks", _framed("Transfer-Encoding: chunked")),
    Misbehaviour("a header of 100 kB", _framed("X-Big: " + "x" * 100_000), 0.5),
    Misbehaviour("2,000 headers", _framed(*(f"X-{number}: y" for number in range(2000))), 0.5),
    Misbehaviour("a header without colon", _framed("nonsense")),
    Misbehaviour("a coding that nobody asked for", _framed("Content-Encoding: br")),
    Misbehaviour("a compressed bomb", _says(_BOMB, "Content-Encoding: gzip"), 0.1),
    Misbehaviour("no HTTP", _writes(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", then="close")),
    Misbehaviour("HTTP/2.0", _writes(b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", then="close")),
    # Time.
    Misbehaviour("slowly", _slowly, 4),
    Misbehaviour("in pieces", _in_pieces, 2),
    Misbehaviour("hangs", _hang),
    Misbehaviour("hangs in the body", _then_hang(_OPEN)),
    Misbehaviour("hangs in the head", _then_hang(b"HTTP/1.1 200 OK\r\nConte")),
    Misbehaviour("drips", _again_and_again(b" ", 0.02, 100, _OPEN)),
    Misbehaviour("endless", _again_and_again(b"8000\r\n" + b" " * 32_768 + b"\r\n", 0.0, 200, _ENDLESS), 0.3),
    Misbehaviour("says Connection: close and stays", _framed("Connection: close")),
    # The connection.
    Misbehaviour("resets", _writes(b"", then="reset"), 2),
    Misbehaviour("closes", _writes(b"", then="close"), 2),
    Misbehaviour("answers, then closes", _made(lambda asked: http(asked.right, status=asked.status), then="close"), 3),
    Misbehaviour("answers, then resets", _made(lambda asked: http(asked.right, status=asked.status), then="reset"), 1),
)
