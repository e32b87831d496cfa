"""The pooled aiohttp session: the one module that knows aiohttp's client, and the one that turns its errors into ours.

One session serves all upstreams of a worker. aiohttp finds addresses, opens connections (TLS too), pools them and reads
answers; what is asked is written here. ``ClientSession.request`` would put every request together from options that we
never use (cookies, proxies, redirects, netrc, middleware, timeouts of its own), which takes twice as long as all the
rest of a call (``docs/decisions/0009-requests.md``).

No redirect is followed, no cookie kept, no compression asked for and no compressed body taken, so that nothing a
service sends can grow in memory here.
"""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.hdrs import CONTENT_ENCODING, CONTENT_LENGTH, HOST
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EofStream, StreamReader
from yarl import URL

from shared.errors import BadResponse, Overloaded, Unreachable
from shared.tracing import current_trace
from shared.upstream.call import Call, Reply, Send

BODY_LIMIT: Final = 2 * 1024 * 1024
_WORTH_A_RETRY: Final = (502, 503, 504)
KEEPALIVE_SECONDS: Final = 15.0
"""Shorter than any service keeps an idle connection, so that we never write into one that is being closed."""

_CONSTANT_FIELDS: Final = "Accept: application/json\r\nAccept-Encoding: identity\r\nUser-Agent: profile-gateway\r\n"
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=None)
"""Deadlines are kept by the timeout policy."""


class Session:
    """The connection pool of one worker; a resource of the app, open while it serves."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._origins: dict[str, _Origin] = {}

    async def __aenter__(self) -> Self:
        """Open the pool; no connection is made before it is needed."""
        connector = _Connector(limit=0, limit_per_host=0, keepalive_timeout=KEEPALIVE_SECONDS)
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Close the pool and every connection in it."""
        if self._session is not None:
            self._origins.clear()
            await self._session.close()
            self._session = None

    def transport(self, base_url: str) -> Send:
        """The innermost sender: one HTTP request to the service at ``base_url``."""

        async def send(call: Call[Any]) -> Any:
            return call.read(await self._exchange(base_url, call))

        return send

    async def _exchange(self, base_url: str, call: Call[Any]) -> Reply:
        origin = self._origins.get(base_url) or self._find(base_url)
        _connected.set(False)
        answered = False
        try:
            connection = await origin.connector.connect(origin.example, [], _NO_TIMEOUT)
            try:
                protocol = connection.protocol
                transport = None if protocol is None else protocol.transport
                if protocol is None or transport is None or transport.is_closing():
                    raise aiohttp.ClientConnectionResetError("closed by the service")  # noqa: TRY301 - handled below
                protocol.set_response_params(read_until_eof=True, auto_decompress=False)
                transport.write(_request(origin, call))
                message, payload = await protocol.read()
                while 100 <= message.code <= 199 and message.code != 101:  # informational (RFC 9110 §15.2)
                    message, payload = await protocol.read()
                answered = True
                reply = Reply(message.code, message.headers, await _read_bounded(message.headers, payload))
            except BaseException:
                connection.close()
                raise
            connection.release()
        except (aiohttp.ClientPayloadError, HttpProcessingError, ValueError) as error:
            raise BadResponse(f"the answer is not valid HTTP ({type(error).__name__})") from error
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"no connection ({type(error).__name__})", retryable=True) from error
        except (aiohttp.ClientError, OSError, EofStream) as error:
            if not answered and not _connected.get():
                # The service had closed it while it lay in the pool: no fault of anybody's.
                raise Unreachable(
                    "a pooled connection was stale", retryable=True, at_once=True, is_failure=False
                ) from error
            raise Unreachable(f"the connection broke ({type(error).__name__})") from error
        return _accepted(reply)

    def _find(self, base_url: str) -> "_Origin":
        if self._session is None or self._session.connector is None:
            raise Unreachable("the session is closed")
        origin = self._origins[base_url] = _Origin(self._session, self._session.connector, base_url)
        return origin


class _Origin:
    """Where a service is, and what is the same in every request to it.

    Attributes:
        example: a request to it, by which the connector knows which connections are wanted.
        path: what stands before the path of each call.
        fields: the header fields that never change.
    """

    __slots__ = ("connector", "example", "fields", "path")

    def __init__(self, session: aiohttp.ClientSession, connector: aiohttp.BaseConnector, base_url: str) -> None:
        url = URL(base_url, encoded=True)
        self.connector = connector
        self.example = ClientRequest("GET", url, loop=asyncio.get_running_loop(), session=session, ssl=True)
        self.path = url.raw_path.rstrip("/")
        self.fields = f"{HOST}: {self.example.headers[HOST]}\r\n{_CONSTANT_FIELDS}"


_connected: ContextVar[bool] = ContextVar("connected", default=False)
"""Whether the request that is being sent had to open its connection, rather than found one in the pool."""


class _Connector(aiohttp.TCPConnector):
    """Tells a request whether its connection is a new one."""

    async def _create_connection(self, *arguments: Any, **options: Any) -> Any:
        _connected.set(True)
        return await super()._create_connection(*arguments, **options)


def _request(origin: _Origin, call: Call[Any]) -> bytes:
    """The request in bytes (RFC 9112 §2.1); paths come percent-encoded, and ids and traces without line ends."""
    lines = [f"{'GET' if call.body is None else 'POST'} {origin.path}{call.path} HTTP/1.1\r\n{origin.fields}"]
    if call.timeout < float("inf"):
        lines.append(f"X-Request-Timeout-Ms: {max(1, int(call.timeout * 1000))}\r\n")
    trace = current_trace.get()
    if trace is not None:
        lines.append(f"X-Request-ID: {trace.request_id}\r\ntraceparent: {trace.traceparent}\r\n")
        if trace.state:
            lines.append(f"tracestate: {trace.state}\r\n")
    if call.body is None:
        lines.append("\r\n")
        return "".join(lines).encode("ascii")
    lines.append(f"Content-Type: application/json\r\nContent-Length: {len(call.body)}\r\n\r\n")
    return "".join(lines).encode("ascii") + call.body


async def _read_bounded(headers: Mapping[str, str], payload: StreamReader) -> bytes:
    if headers.get(CONTENT_ENCODING, "identity").lower() != "identity":
        raise BadResponse("a compressed body, though none was asked for")
    length = headers.get(CONTENT_LENGTH)
    if length is not None and int(length) > BODY_LIMIT:
        raise BadResponse(f"a body of {length} bytes; the limit is {BODY_LIMIT}")
    chunks: list[bytes] = []
    size = 0
    while True:
        chunk = payload.read_nowait() if payload.is_eof() else await payload.readany()
        size += len(chunk)
        if size > BODY_LIMIT:
            raise BadResponse(f"a body over the limit of {BODY_LIMIT} bytes")
        chunks.append(chunk)
        if payload.at_eof():
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _accepted(reply: Reply) -> Reply:
    if reply.status >= 500:
        retryable = reply.status in _WORTH_A_RETRY
        raise Unreachable(
            f"status {reply.status}", retryable=retryable, retry_after=_retry_after(reply), status=reply.status
        )
    if reply.status == 429:
        raise Overloaded("status 429", status=429)
    if 300 <= reply.status < 400 or reply.status < 200:
        raise BadResponse(f"status {reply.status}", status=reply.status)
    return reply


def _retry_after(reply: Reply) -> float | None:
    """Seconds, where the service gave them (RFC 9110 §10.2.3); a date is taken for none."""
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
