"""The pooled aiohttp session: the one module that knows aiohttp's client, and the one that turns its errors into ours.

One session serves all upstreams of a worker. It follows no redirect, keeps no cookie, reads no proxy setting, asks
for no compression and refuses a compressed body, so that nothing a service sends can grow in memory here.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from yarl import URL

from shared.errors import BadResponse, Overloaded, Unreachable
from shared.tracing import current_trace
from shared.upstream.call import Call, Reply, Send

BODY_LIMIT: Final = 2 * 1024 * 1024
_WORTH_A_RETRY: Final = (502, 503, 504)
KEEPALIVE_SECONDS: Final = 15.0
"""Shorter than any service keeps an idle connection, so that we never write into one that is being closed."""

_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "profile-gateway"}


class Session:
    """The connection pool of one worker; a resource of the app, open while it serves."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool; no connection is made before it is needed."""
        self._session = aiohttp.ClientSession(
            connector=_Connector(limit=0, limit_per_host=0, keepalive_timeout=KEEPALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=None),  # deadlines are kept by the timeout policy
            auto_decompress=False,
            headers=_HEADERS,
        )
        # aiohttp would repeat a request by itself, past any budget; it offers no public way to say no.
        self._session._retry_connection = False  # noqa: SLF001
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Close the pool and every connection in it."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def transport(self, base_url: str) -> Send:
        """The innermost sender: one HTTP request to the service at ``base_url``."""

        async def send(call: Call[Any]) -> Any:
            return call.read(await self._exchange(base_url, call))

        return send

    async def _exchange(self, base_url: str, call: Call[Any]) -> Reply:
        if self._session is None:
            raise Unreachable("the session is closed")
        method = "GET" if call.body is None else "POST"
        url = URL(base_url + call.path, encoded=True)
        _connected.set(False)
        answered = False
        try:
            async with self._session.request(
                method, url, data=call.body, headers=_call_headers(call), allow_redirects=False
            ) as response:
                answered = True
                headers = {name.lower(): value for name, value in response.headers.items()}
                reply = Reply(response.status, headers, await _read_bounded(response))
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError, ValueError) as error:
            raise BadResponse(f"the answer is not valid HTTP ({type(error).__name__})") from error
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"no connection ({type(error).__name__})", retryable=True) from error
        except (aiohttp.ClientError, OSError) as error:
            if not answered and not _connected.get():
                # The service had closed it while it lay in the pool: no fault of anybody's.
                raise Unreachable(
                    "a pooled connection was stale", retryable=True, at_once=True, is_failure=False
                ) from error
            raise Unreachable(f"the connection broke ({type(error).__name__})") from error
        return _accepted(reply)


_connected: ContextVar[bool] = ContextVar("connected", default=False)
"""Whether the request that is being sent had to open its connection, rather than found one in the pool."""


class _Connector(aiohttp.TCPConnector):
    """Tells a request whether its connection is a new one."""

    async def _create_connection(self, *arguments: Any, **options: Any) -> Any:
        _connected.set(True)
        return await super()._create_connection(*arguments, **options)


def _call_headers(call: Call[Any]) -> Mapping[str, str]:
    headers = {"X-Request-Timeout-Ms": str(max(1, int(call.timeout * 1000)))} if call.timeout < float("inf") else {}
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    trace = current_trace.get()
    if trace is not None:
        headers["X-Request-ID"] = trace.request_id
        headers["traceparent"] = trace.traceparent
        if trace.state:
            headers["tracestate"] = trace.state
    return headers


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        response.close()
        raise BadResponse("a compressed body, though none was asked for")
    length = response.content_length
    if length is not None and length > BODY_LIMIT:
        response.close()
        raise BadResponse(f"a body of {length} bytes; the limit is {BODY_LIMIT}")
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > BODY_LIMIT:
            response.close()
            raise BadResponse(f"a body over the limit of {BODY_LIMIT} bytes")
        chunks.append(chunk)
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
