"""Every way for a service to misbehave, a line each."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.chaos.hostile import behaving, contents
from benchmarks.chaos.hostile.asked import ORDERS, PRODUCTS, SERVICES, USERS, Behave, http
from benchmarks.chaos.hostile.behaving import made, says, writes


@dataclass(frozen=True)
class Misbehaviour:
    """One way to misbehave; ``services`` are those that can."""

    name: str
    behave: Behave
    weight: float = 1.0
    services: Sequence[str] = field(default=SERVICES)


_HINT: Final = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
_BOMB: Final = gzip.compress(b" " * 20_000_000)
_OPEN: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n["
_ENDLESS: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
_NO: Final = http(b"{}", status="404 Not Found")
_LATE: Final = http(b"{}", status="408 Request Timeout")
_THINGS: Final = (ORDERS, PRODUCTS)

MISBEHAVIOURS: Final = (
    *(Misbehaviour(f"status {code}", says(b"{}", status=f"{code} No")) for code in (401, 403, 410, 418)),
    # From the product service these would say that there is no such product, which nobody could know to be untrue.
    *(Misbehaviour(f"status {code}", says(b"{}", status=f"{code} No"), 1, (USERS, ORDERS)) for code in (400, 413, 422)),
    Misbehaviour("status 404", says(b"{}", status="404 Not Found"), 1, (ORDERS,)),
    *(Misbehaviour(f"status {code}", says(b"{}", status=f"{code} Oops")) for code in (500, 502, 503, 504, 599)),
    *(
        Misbehaviour(f"Retry-After: {value}", says(b"{}", f"Retry-After: {value}", status="503 Later"), 0.5)
        for value in ("0", "1", "99999999999", "-1", "soon", "Tue, 01 Jan 2030 00:00:00 GMT", "1e9", "\xb2")
    ),
    Misbehaviour("status 429", says(b"{}", "Retry-After: 1", status="429 Slow down")),
    Misbehaviour("status 204", writes(b"HTTP/1.1 204 None\r\n\r\n")),
    Misbehaviour("status 206", says(b"[]", status="206 Partial Content")),
    Misbehaviour("status 304", writes(b"HTTP/1.1 304 Not Modified\r\n\r\n")),
    Misbehaviour("status 101", writes(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")),
    Misbehaviour("redirect", says(b"", "Location: http://127.0.0.1:1/stolen", status="302 Found")),
    # A 404 that the service has not written itself.
    Misbehaviour("404 text/html", says(b"<h1>404</h1>", status="404 Not Found", kind="text/html"), 2, (USERS,)),
    Misbehaviour("404 text/plain", says(b"{}", status="404 Not Found", kind="text/plain"), 1, (USERS,)),
    Misbehaviour("404 empty", says(b"", status="404 Not Found"), 1, (USERS,)),
    Misbehaviour("404 that is no JSON", says(b"<no>", status="404 Not Found"), 1, (USERS,)),
    # An answer to another question.
    Misbehaviour("another's answer", made(behaving.another), 3),
    Misbehaviour("two answers at once", behaving.twice(behaving.another), 2),
    Misbehaviour("two answers at once, 404", behaving.twice(lambda _: _NO), 1),
    Misbehaviour("two answers at once, []", behaving.twice(lambda _: http(b"[]")), 1, _THINGS),
    Misbehaviour("a late second answer", behaving.late(behaving.another), 4),
    Misbehaviour("a late second answer, 404", behaving.late(lambda _: _NO), 2),
    Misbehaviour("a late second answer, []", behaving.late(lambda _: http(b"[]")), 2, _THINGS),
    Misbehaviour("a late 408", behaving.late(lambda _: _LATE), 1),
    Misbehaviour("a late 408, then closes", behaving.late(lambda _: _LATE, then="close"), 1),
    Misbehaviour("a late half of an answer", behaving.late(lambda asked: http(asked.of_another())[:-3]), 1),
    Misbehaviour("a late line", behaving.late(lambda _: b"\r\n" * 10), 1),
    Misbehaviour("a late careless answer", behaving.late_and_careless, 2, (USERS, ORDERS)),
    Misbehaviour("one foreign order", contents.changed(contents.one_foreign), 2, (ORDERS,)),
    Misbehaviour("the id in upper case", contents.changed(contents.upper), 1, (USERS,)),
    Misbehaviour("a product under another id", contents.changed(contents.relabelled), 2, (PRODUCTS,)),
    Misbehaviour("a product instead of another", contents.changed(contents.swapped), 2, (PRODUCTS,)),
    # Shapes and values.
    Misbehaviour("odd money", made(contents.odd_money), 4, _THINGS),
    Misbehaviour("money as text", made(contents.money_as_text), 1, _THINGS),
    Misbehaviour("an odd member", contents.changed(contents.odd_member), 1, _THINGS),
    Misbehaviour("something left out", contents.changed(contents.without_something)),
    Misbehaviour("an odd value", contents.changed(contents.odd_value)),
    Misbehaviour("further fields", contents.changed(contents.further_fields)),
    Misbehaviour("another shape", says(b'{"unexpected":[1,2,3]}')),
    Misbehaviour("null", says(b"null")),
    Misbehaviour("nothing", says(b"")),
    Misbehaviour("garbled", made(contents.garbled), 2),
    Misbehaviour("nested without end", says(b"[" * 200_000), 0.2),
    Misbehaviour("a lone surrogate", says(rb'{"id":"\ud800"}')),
    Misbehaviour("a byte order mark", made(lambda asked: http(b"\xef\xbb\xbf" + asked.right))),
    Misbehaviour("text/html", made(lambda asked: http(asked.right, kind="text/html"))),
    # Framing.
    Misbehaviour("few hints", behaving.preceded(_HINT * 3)),
    Misbehaviour("a flood of hints", writes(_HINT * 20_000, then="close"), 0.3),
    Misbehaviour("a cut answer", made(behaving.cut, then="close"), 2),
    Misbehaviour("a cut answer, reset", made(behaving.cut, then="reset"), 2),
    Misbehaviour("a length too small", behaving.length(-3)),
    Misbehaviour("a length too great", behaving.length(+3)),
    Misbehaviour("one chunk", behaving.in_chunks(size="{:x}", end=b"\r\n0\r\n\r\n")),
    Misbehaviour("a chunk of odd size", behaving.in_chunks(size="0x{:x}", end=b"\r\n0\r\n\r\n")),
    Misbehaviour("a chunk of no size", behaving.in_chunks(size="zz", end=b"\r\n0\r\n\r\n")),
    Misbehaviour("a chunk without end", behaving.in_chunks(size="{:x}", end=b"", then="close")),
    Misbehaviour("chunks without end", behaving.in_chunks(size="{:x}", end=b"\r\n", then="close")),
    Misbehaviour("two lengths", behaving.framed("Content-Length: 2")),
    Misbehaviour("a length and chunks", behaving.framed("Transfer-Encoding: chunked")),
    Misbehaviour("a header of 100 kB", behaving.framed("X-Big: " + "x" * 100_000), 0.5),
    Misbehaviour("2,000 headers", behaving.framed(*(f"X-{number}: y" for number in range(2000))), 0.5),
    Misbehaviour("a header without colon", behaving.framed("nonsense")),
    Misbehaviour("a coding that nobody asked for", behaving.framed("Content-Encoding: br")),
    Misbehaviour("a compressed bomb", says(_BOMB, "Content-Encoding: gzip"), 0.1),
    Misbehaviour("no HTTP", writes(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", then="close")),
    Misbehaviour("HTTP/2.0", writes(b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", then="close")),
    # Time.
    Misbehaviour("slowly", behaving.slowly, 4),
    Misbehaviour("in pieces", behaving.in_pieces, 2),
    Misbehaviour("hangs", behaving.hang),
    Misbehaviour("hangs in the body", behaving.then_hang(_OPEN)),
    Misbehaviour("hangs in the head", behaving.then_hang(b"HTTP/1.1 200 OK\r\nConte")),
    Misbehaviour("drips", behaving.again_and_again(b" ", 0.02, 100, _OPEN)),
    Misbehaviour("endless", behaving.again_and_again(b"8000\r\n" + b" " * 32_768 + b"\r\n", 0.0, 200, _ENDLESS), 0.3),
    Misbehaviour("says Connection: close and stays", behaving.framed("Connection: close")),
    # The connection.
    Misbehaviour("resets", writes(b"", then="reset"), 2),
    Misbehaviour("closes", writes(b"", then="close"), 2),
    Misbehaviour("answers, then closes", made(lambda asked: http(asked.right, status=asked.status), then="close"), 3),
    Misbehaviour("answers, then resets", made(lambda asked: http(asked.right, status=asked.status), then="reset"), 1),
)
