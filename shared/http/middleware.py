"""Wraps the handling of every request of every app: counting, errors and common headers.

Counting wraps Sanic's own handling instead of hanging in its middleware lists: those see neither requests that the
parser refuses nor the true end of one whose client leaves.
"""

import asyncio
import time
from asyncio import CancelledError
from typing import Any, ClassVar

from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import BadURL, RequestCancelled, RequestTimeout
from sanic.handlers import ErrorHandler
from sanic.http import Http
from sanic.http.constants import Stage

from shared.http import problems
from shared.http.admission import admit_request
from shared.http.exchange import CLIENT_LEFT, Exchange, exchange_of
from shared.observing.logs import log_error
from shared.timestamps import http_date


class TimedRequest(Request):
    """A request whose body has to arrive in ``REQUEST_TIMEOUT``; Sanic asks that of the header alone.

    One whose target cannot be read is answered and counted like any other.
    """

    def __init__(self, url_bytes: bytes, *arguments: Any, **named: Any) -> None:
        """Raises ``BadURL`` for a target that cannot be read.

        Sanic answers that with a request that it makes up, without a head but with the same target; that one must come
        about, or the client would get no answer and nobody would count it.
        """
        try:
            super().__init__(url_bytes, *arguments, **named)
        except BadURL:
            if named.get("head"):
                raise
            super().__init__(b"*", *arguments, **named)

    async def receive_body(self) -> None:
        """Read the body; one that stays incomplete is the client's fault (408) and ends the connection."""
        try:
            async with asyncio.timeout(self.app.config.REQUEST_TIMEOUT):
                await super().receive_body()  # type: ignore[no-untyped-call]
        except TimeoutError:
            if isinstance(self.stream, Http):
                self.stream.keep_alive = False
                self.stream.request_body = None  # else the server would go on waiting for the rest
            raise RequestTimeout from None


class ObservedSanic(Sanic[Any, Any]):
    """A Sanic app that counts, times and logs each request exactly once."""

    exchange_type: ClassVar[type[Exchange]] = Exchange

    async def handle_request(self, request: Request) -> None:
        """Answer ``request`` and record the outcome, a client that leaves included."""
        exchange = self.exchange_type.begin(request)
        exchange.handling = True
        try:
            await super().handle_request(request)
        except CancelledError as error:
            exchange.handling = False
            if isinstance(error, RequestCancelled) or _client_left(request):
                exchange.finish(request, CLIENT_LEFT)
            elif request.stream is not None and request.stream.stage is Stage.RESPONSE:
                exchange.finish(request, _status(request))
            raise  # else it is a timeout: the server asks handle_exception for an answer, if none has begun
        exchange.finish(request, _status(request))

    async def handle_exception(self, request: Request, exception: BaseException, run_middleware: bool = True) -> None:
        """Answer an error; requests that are not inside :meth:`handle_request` are recorded here."""
        exchange = exchange_of(request) or self.exchange_type.begin(request)
        if isinstance(exception, RequestCancelled):
            exchange.finish(request, CLIENT_LEFT)
            return
        status = CLIENT_LEFT  # where nobody can be told any more
        try:
            try:
                await admit_request(request)  # what found no route counts for somebody too
            except Exception as refused:  # noqa: BLE001 - a fault of ours has an answer like any other
                exception = refused
            await super().handle_exception(request, exception, run_middleware)
            status = _status(request)
        finally:
            if not exchange.handling:
                exchange.finish(request, status)


class ProblemErrors(ErrorHandler):
    """Answers every error with a problem document, and logs those that are ours to mend."""

    def default(self, request: Request, exception: Exception) -> HTTPResponse:
        """The problem document for ``exception``."""
        if problems.is_server_error(exception):
            log_error("unexpected error", "app", exception)
        return problems.response_to(request, exception)


async def add_headers(request: Request, response: HTTPResponse) -> None:
    """The headers that every answer carries."""
    headers = response.headers
    headers["Date"] = http_date(time.time())
    headers["X-Content-Type-Options"] = "nosniff"
    exchange = exchange_of(request)
    if exchange is not None:
        headers["X-Request-ID"] = exchange.trace.request_id
        headers["traceparent"] = exchange.trace.traceparent
        headers.update(exchange.complete(headers))


def _client_left(request: Request) -> bool:
    stream = request.stream
    return stream is None or request.conn_info is None or request.conn_info.lost or not stream.protocol.transport


def _status(request: Request) -> int:
    response = None if request.stream is None else request.stream.response
    return CLIENT_LEFT if response is None else response.status
