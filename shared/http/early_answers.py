"""Early answers: plain requests are answered before Sanic makes request objects of them.

A hit in memory costs a few microseconds; Sanic's way to an endpoint costs many times that. So an endpoint may *declare*
that it answers for ids under its path, from ready bytes, or else by a coroutine. A plain request
(``shared.http.request_head``) is then answered here, with the same bytes, metrics and log line as through Sanic. Every
other one goes that way untouched.

Nothing is answered early where a request has to pass something first: while the app has middleware or signals of its
own, before it serves, and from the moment it stops.
"""

import asyncio
import random
import re
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, Protocol

from sanic import Sanic

from shared import ids
from shared.edge.caller import Caller, Peer
from shared.edge.edge import Edge
from shared.edge.form import PLAIN, Form
from shared.errors import RequestError
from shared.http import problems
from shared.http.admission import admit
from shared.http.conditional import matches
from shared.http.early_refusals import Refusals
from shared.http.early_routes import EarlyRoute, ReadyResponse, Response
from shared.http.early_tallies import TalliedRoute
from shared.http.exchange import CLIENT_LEFT, Exchange
from shared.http.fields_table import FieldsTable
from shared.http.request_head import Fields
from shared.http.response_head import JSON, Body, closing, lines, opening
from shared.http.send_queue import SendQueue
from shared.http.strict_head import MAX_HEAD_BYTES
from shared.observing.logs import log, log_error
from shared.timestamps import http_date

Pieces = tuple[bytes, ...]
"""An answer: its head, and its body unless that is not sent; a long one is nothing to be copied."""
Respond = Callable[[], Coroutine[Any, Any, Pieces]]
"""Makes an answer that is not ready."""
_MILLISECONDS: Final = tuple(f"{microseconds / 1000:.3f}" for microseconds in range(1000))
"""How short durations are told."""


class Client(Peer, Protocol):
    """A connection, as far as it matters here."""

    fields: Fields | None
    """Those of its last request: most clients send the same ones again."""


class EarlyAnswers:
    """What the endpoints of one app have declared, and the answers that are given for them."""

    def __init__(self, edge: Edge) -> None:
        """``edge`` decides who is answered."""
        self._edge = edge
        self._fields = FieldsTable()
        self._refusals = Refusals()
        self._routes: dict[bytes, TalliedRoute] = {}
        self._request_line = re.compile(rb"(?!)").match
        self._queue = SendQueue()
        self.send = self._queue.send
        self._loop: asyncio.AbstractEventLoop | None = None

    def declare(self, declared: EarlyRoute) -> None:
        """Answer GET and HEAD of ids under a path, with this query or none, early from now on."""
        self._routes[f"{declared.path}{declared.query}".encode()] = TalliedRoute(declared)
        routes = [route.declared for route in self._routes.values()]
        paths, queries = (
            "|".join(sorted(map(re.escape, texts)))
            for texts in ({route.path for route in routes}, {route.query for route in routes})
        )
        pattern = rf"(GET|HEAD) ({paths})({ids.CHARACTERS})({queries}) HTTP/1\.1\r\n"
        self._request_line = re.compile(pattern.encode()).match

    def open(self, app: Sanic[Any, Any], *, middleware: int) -> None:
        """Start, unless ``app`` has more than the kit's own ``middleware``, or listens to requests' signals."""
        found = (app.request_middleware, app.response_middleware, *app.named_request_middleware.values())
        passed = sum(map(len, (*found, *app.named_response_middleware.values())))
        if passed > middleware or any(signal.name.startswith("http.") for signal in app.signal_router.routes):
            log("info", "early answers off: app has middleware", "app")
            return
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Take no more requests; those that have been taken are answered, each as the last one of its connection."""
        self._loop = None

    @property
    def is_open(self) -> bool:
        """Whether requests are taken."""
        return self._loop is not None

    def answer(self, data: bytes, client: Client) -> Pieces | Respond | None:
        """The answer to ``data``, when that is one plain request; or what makes it, when it is not ready.

        Either way it is counted and logged. None leaves the request to Sanic.
        """
        started = time.monotonic()
        line = None if self._loop is None else self._request_line(data)
        if line is None or len(data) > MAX_HEAD_BYTES:
            return None
        block, fields = data[line.end() :], client.fields
        if fields is None or fields.block != block:
            fields = client.fields = self._fields.get(block, client.peer)
        method, path, identifier, query = line.groups()
        subject, route = identifier.decode(), self._routes.get(path + query)
        if fields is None or route is None or not (route.is_id is None or route.is_id(subject)):
            return None
        declared, edge, caller = route.declared, self._edge, fields.caller
        admitted: Caller | None = None
        try:
            if caller is None or caller.generation != edge.generation or caller.until <= started:
                caller = fields.caller = edge.caller(fields, client)
            now = time.time()
            refusal = edge.admit(caller, declared.access, subject, now)
            if refusal is None:
                admitted = caller
                ready = declared.ready(subject)
                if ready is not None:
                    return self._ready_answer(route, ready, method, fields, caller, started, now)
            elif isinstance(refusal, RequestError):
                return self._refused_answer(route, refusal, method, subject, fields, caller, started, now)
        except Exception as error:  # noqa: BLE001 - the endpoint itself may do better, for whoever is let in
            log_error("unexpected error", "app", error)
        form = PLAIN if admitted is None else admitted.form
        return partial(self._respond, declared, method, subject, fields, client, admitted, form, started)

    def _ready_answer(  # noqa: PLR0917 - by name they would cost more
        self,
        route: TalliedRoute,
        ready: ReadyResponse,
        method: bytes,
        fields: Fields,
        caller: Caller,
        started: float,
        now: float,
    ) -> Pieces:
        wanted, declared, bucket = fields.if_none_match, route.declared, caller.bucket
        status = 304 if wanted is not None and matches(wanted, ready.etag) else 200
        trace = fields.trace(is_trusted=caller.is_trusted)
        to_request_id, to_duration, to_body, body = ready.head(status, caller.form, now)
        limit = f"\r\nRateLimit: {told}" if bucket is not None and (told := bucket.scarce(now)) else ""
        duration = time.monotonic() - started
        microseconds = int(duration * 1_000_000)
        milliseconds = _MILLISECONDS[microseconds] if microseconds < 1000 else f"{duration * 1000:.3f}"
        head = (
            f"{to_request_id}{trace.request_id}\r\ntraceparent: 00-{trace.trace_id}-{trace.span_id}-{trace.flags}"
            f"{to_duration}{milliseconds if to_duration else ''}{limit}{to_body}"
        ).encode("ascii")
        # Nothing that may fail comes after this: what the endpoint is left to answer is for it to count.
        tally = route.tallies.get((method, status)) or route.tally(method, status)
        if declared.log_share >= 1 or random.random() < declared.log_share:  # noqa: S311 - a sample
            tally.line.log(now, trace, milliseconds, caller.logged)
        if not tally.durations:
            self._queue.uncounted.append(tally)
        tally.durations.append(duration)
        return (head, body) if body and method == b"GET" else (head,)

    def _refused_answer(  # noqa: PLR0917 - by name they would cost more
        self,
        route: TalliedRoute,
        refusal: RequestError,
        method: bytes,
        identifier: str,
        fields: Fields,
        caller: Caller,
        started: float,
        now: float,
    ) -> Pieces:
        trace = fields.trace(is_trusted=caller.is_trusted)
        path = f"{route.declared.path}{identifier}"
        status, answer = self._refusals.answer(refusal, caller, trace, path, now, with_body=method == b"GET")
        duration = time.monotonic() - started
        tally = route.tallies.get((method, status)) or route.tally(method, status)
        tally.line.log(now, trace, f"{duration * 1000:.3f}", caller.logged)
        if not tally.durations:
            self._queue.uncounted.append(tally)
        tally.durations.append(duration)
        return (answer,)

    async def _respond(  # noqa: PLR0917
        self,
        declared: EarlyRoute,
        method: bytes,
        identifier: str,
        fields: Fields,
        peer: Peer,
        caller: Caller | None,
        form: Form,
        started: float,
    ) -> Pieces:
        """An answer that is not ready, in this ``form`` where it is decided that ``caller`` is let in."""
        edge = self._edge
        exchange = Exchange.start(fields.trace(is_trusted=edge.trusts_trace(peer.peer)), started)
        status = CLIENT_LEFT
        with_body = method == b"GET"
        try:
            if caller is None:
                await admit(exchange, edge, (fields, peer), declared.access, identifier)
            else:
                exchange.admit(caller, form, time.time())
            response = await declared.respond(identifier, fields.if_none_match, exchange)
            answer = self._encoded(exchange, response, JSON, with_body=with_body)
            status = response.status
        except Exception as error:  # noqa: BLE001 - whatever it is has an answer
            if problems.is_server_error(error):
                log_error("unexpected error", "app", error)
            described = Response(*problems.describe(error, f"{declared.path}{identifier}"))
            answer = self._encoded(exchange, described, problems.CONTENT_TYPE, with_body=with_body)
            status = described.status
        finally:
            exchange.record(method.decode(), declared.label, status)
        return answer

    def _encoded(self, exchange: Exchange, response: Response, kind: str, *, with_body: bool) -> Pieces:
        body = None if response.status == 304 else Body(len(response.body), kind)
        beside = exchange.complete(response.fields)
        more = f"\r\n{lines(beside.items())}" if beside else ""
        head = (
            f"{opening(response.status, response.fields.items(), http_date(time.time()))}{exchange.trace.request_id}"
            f"\r\ntraceparent: {exchange.trace.traceparent}{more}"
            f"{closing(body, keep_alive=self._loop is not None)}"
        ).encode("ascii")
        return (head,) if body is None or not with_body else (head, response.body)
