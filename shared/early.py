"""Answers given as soon as a request has come in, before Sanic makes an object of it.

A hit in memory costs a few microseconds; Sanic's way to an endpoint costs many times that. So an endpoint may *declare*
that it has answers at hand for ids under its path. A request that leaves no doubt (``shared.request_head``) and whose
answer is at hand is then answered here, with the same bytes, metrics and log line as by the endpoint. Every other one
goes Sanic's way untouched.

Nothing is answered early where a request has to pass something first: while the app has middleware of its own, before
it serves, and from the moment it stops.
"""

import asyncio
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from sanic import Sanic

from shared import ids, metrics
from shared.conditional import matches
from shared.logs import Recurring, log, log_error
from shared.moments import http_date
from shared.request_head import Fields, read_fields
from shared.tracing import begin_trace

HeaderFields = Sequence[tuple[str, str]]

_REASONS: Final = {200: "OK", 304: "Not Modified"}


class _Head(NamedTuple):
    """The head of an answer, without what is another one for each request: its ids, and the time it took."""

    to_request_id: str
    to_duration: str
    to_body: str


class Ready:
    """A complete answer to GET that is at hand; what its maker says in header fields holds ``until`` some instant.

    ``until`` is an instant of the maker's own clock; ``body`` is JSON.
    """

    __slots__ = ("_date", "_heads", "_of_answer", "_of_cache", "body", "etag", "until")

    def __init__(self, etag: str, body: bytes) -> None:
        self.etag = etag
        self.body = body
        self.until = float("-inf")
        self._of_answer: HeaderFields = ()
        self._of_cache: HeaderFields = ()
        self._date = ""
        self._heads: dict[int, _Head] = {}

    def tell(self, of_answer: HeaderFields, of_cache: HeaderFields, until: float) -> None:
        """Say this from now on, ``until`` then: of the answer itself, and of where it comes from."""
        self._of_answer, self._of_cache, self.until = of_answer, of_cache, until
        self._heads.clear()

    def head(self, status: int, date: str) -> _Head:
        """The head of an answer with ``status`` on ``date``."""
        if self._date is not date:
            self._date = date
            self._heads.clear()
        head = self._heads.get(status)
        if head is None:
            head = self._heads[status] = self._composed(status)
        return head

    def _composed(self, status: int) -> _Head:
        first = [*self._of_answer, ("Date", self._date), ("X-Content-Type-Options", "nosniff"), ("X-Request-ID", "")]
        length = [("content-length", str(len(self.body)))] if status == 200 else []
        kind = [("content-type", "application/json")] if status == 200 else []
        last = [*length, ("connection", "keep-alive"), *kind]
        return _Head(
            f"HTTP/1.1 {status} {_REASONS[status]}\r\n{_lines(first)}",
            f"\r\n{_lines([*self._of_cache, ('Server-Timing', 'total;dur=')])}",
            f"\r\n{_lines(last)}\r\n\r\n",
        )


@dataclass(frozen=True, slots=True)
class Declared:
    """What an endpoint declares.

    Attributes:
        path: what stands before an id in the target; ends with a slash.
        label: the endpoint's label in metrics and logs.
        at_hand: the answer for an id, when it is at hand and nothing else is to be done about it.
        given: told how many such answers have been given.
        log_share: how many of them leave a line in the log, from 0 to 1.
    """

    path: str
    label: str
    at_hand: Callable[[str], Ready | None]
    given: Callable[[int], None]
    log_share: float = 1.0


class Client(Protocol):
    """A connection, as far as it is looked at here."""

    fields: Fields | None
    """Those of its last request: most clients send the same ones again."""


class _Tally:
    """Answers of one kind that have been given in this turn of the event loop."""

    def __init__(self, method: str, declared: Declared, status: int) -> None:
        label = declared.label
        self.given = declared.given
        self.requests = metrics.requests.labels(method, label, str(status))
        self.duration = metrics.request_duration.labels(method, label)
        self.line = Recurring(
            "info", "request", "access", "duration_ms", method=method, route=label, status=status, cache="memory hit"
        )
        self.durations: list[float] = []

    def tell(self) -> None:
        """Count them."""
        durations, self.durations = self.durations, []
        self.requests.inc(len(durations))
        self.duration.observe_all(durations)
        self.given(len(durations))


class EarlyAnswers:
    """What the endpoints of one app have declared, and the answers that are given for them."""

    def __init__(self) -> None:
        self._declared: dict[bytes, Declared] = {}
        self._request_line = re.compile(rb"(?!)").match
        self._tallies: dict[tuple[bytes, bytes, int], _Tally] = {}
        self._untold: list[_Tally] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def declare(self, declared: Declared) -> None:
        """Answer GET and HEAD of ids under a path early from now on."""
        self._declared[declared.path.encode()] = declared
        paths = b"|".join(re.escape(path) for path in self._declared)
        pattern = rb"(GET|HEAD) (%b)(%b) HTTP/1\.1\r\n" % (paths, ids.CHARACTERS.encode())
        self._request_line = re.compile(pattern).match

    def open(self, app: Sanic[Any, Any], *, middleware: int) -> None:
        """Begin, unless ``app`` has more middleware than the kit's own, which are so many."""
        found = (app.request_middleware, app.response_middleware, *app.named_request_middleware.values())
        if sum(map(len, (*found, *app.named_response_middleware.values()))) > middleware:
            log("info", "no early answers: requests pass middleware", "app")
            return
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Give no more answers."""
        self._loop = None

    def answer(self, data: bytes, client: Client) -> bytes | None:
        """The answer to ``data``, when that is one plain request and its answer is at hand; counted and logged."""
        loop = self._loop
        if loop is None:
            return None
        try:
            return self._answer(data, client, loop)
        except Exception as error:  # noqa: BLE001 - the endpoint itself may do better
            log_error("unexpected error", "app", error)
            return None

    def _answer(self, data: bytes, client: Client, loop: asyncio.AbstractEventLoop) -> bytes | None:
        started = time.monotonic()
        line = self._request_line(data)
        if line is None:
            return None
        block = data[line.end() :]
        fields = client.fields
        if fields is None or fields.block != block:
            fields = client.fields = read_fields(block)
            if fields is None:
                return None
        method, path, identifier = line.groups()
        declared = self._declared[path]
        ready = declared.at_hand(identifier.decode())
        if ready is None:
            return None
        status = 304 if fields.if_none_match is not None and matches(fields.if_none_match, ready.etag) else 200
        trace = begin_trace(fields.request_id, fields.traceparent, fields.tracestate)
        now = time.time()
        to_request_id, to_duration, to_body = ready.head(status, http_date(now))
        duration = time.monotonic() - started
        tally = self._tallies.get((method, path, status)) or self._tally(method, path, status)
        if not tally.durations:
            if not self._untold:
                loop.call_soon(self._tell)
            self._untold.append(tally)
        tally.durations.append(duration)
        if declared.log_share >= 1 or random.random() < declared.log_share:  # noqa: S311 - a sample
            tally.line.log(now, trace, duration * 1000)
        head = (
            f"{to_request_id}{trace.request_id}\r\ntraceparent: {trace.traceparent}"
            f"{to_duration}{duration * 1000:.2f}{to_body}"
        ).encode("ascii")
        return head if status == 304 or method == b"HEAD" else head + ready.body

    def _tally(self, method: bytes, path: bytes, status: int) -> _Tally:
        tally = self._tallies[method, path, status] = _Tally(method.decode(), self._declared[path], status)
        return tally

    def _tell(self) -> None:
        untold, self._untold = self._untold, []
        for tally in untold:
            tally.tell()


def _lines(fields: HeaderFields) -> str:
    return "\r\n".join(f"{name}: {value}" for name, value in fields)
