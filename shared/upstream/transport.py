"""The pooled aiohttp session: the one module that imports aiohttp's client, and that maps its errors to ours.

One session serves all upstreams of a worker. aiohttp opens connections (TLS too), pools them and reads answers; where
the instances of a service are is looked up elsewhere, and what is asked is written here. ``ClientSession.request``
would put every request together from options that we never use (cookies, proxies, redirects, netrc, middleware,
timeouts of its own), which takes twice as long as all the rest of a call (``docs/decisions/0009-requests.md``).

An answer belongs to its question: what a service says while no request is outstanding ends that connection (RFC 9112
§9.2). It is looked for in all that has been read, and, just before and just after a request is written, in what the
kernel holds unread.

No redirect is followed, no cookie kept, no compression asked for and no compressed body taken, so that nothing a
service sends can grow in memory here.
"""

import asyncio
import random
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from types import TracebackType
from typing import Any, Final, Self, cast

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ConnectionKey
from aiohttp.connector import Connection
from aiohttp.hdrs import HOST
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EofStream
from yarl import URL

from shared.cancellation import cancellable
from shared.deadline import Clock
from shared.errors import BadResponse, NotConnected, Unreachable
from shared.observing.logs import log_deduplicated
from shared.settings.secret import Secret
from shared.upstream.body import read_bounded
from shared.upstream.call import Call, Reply
from shared.upstream.interim import Interim
from shared.upstream.plain_reply import MAX_BYTES, parse_plain
from shared.upstream.request import CONSTANT_FIELDS, request
from shared.upstream.statuses import raise_for_status

BODY_LIMIT: Final = 2 * 1024 * 1024
KEEPALIVE_SECONDS: Final = 15.0
"""Shorter than any service keeps an idle connection, so that we never write into one that is being closed."""
CONNECTION_SECONDS: Final = 300.0
"""A connection is used no longer: whoever balances connections in between must get a new one now and then."""
_LEAST_SHARE: Final = 0.8
_MIN_ROUND_TRIP_SECONDS: Final = 25e-6
"""What can be read so soon after the beginning of a write is no answer to it: of 60,000 that a program in C gave on the
same machine none was. After more time, nothing is known."""
_STALE_SECONDS: Final = 0.01
"""A pooled connection that is lost so soon after a write was being closed when the request came."""
_MAX_FRESH: Final = 2
"""So many new connections may be of no use before anything was asked."""
_PIECE: Final = 8_192
"""Bytes that are parsed before it is asked whether the answer has ended: nothing behind its end is worth the time."""
_FINAL: Final = (b"HTTP/1.1 2", b"HTTP/1.1 4", b"HTTP/1.1 5")
"""How nearly all answers begin; what begins otherwise is looked at more closely."""

_NOWHERE: Final = ".invalid"
"""Names that nobody can look up (RFC 6761 §6.4)."""

NO_TOKEN: Final = Secret()
"""For services that are shown none."""
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=None)
"""Deadlines are kept by the timeout policy."""


class Session:
    """The connection pool of one worker; a resource of the app, open while it serves."""

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        clock: Clock = time.monotonic,
        connection_seconds: float = CONNECTION_SECONDS,
    ) -> None:
        """``tls`` says whom to trust and as whom to come; None trusts whom the system trusts.

        No connection is used for longer than ``connection_seconds``, some of them less, so that not all end together.
        """
        self._tls = tls
        self._clock = clock
        self._connection_seconds = connection_seconds
        self._session: aiohttp.ClientSession | None = None
        self._origins: dict[Transport, _Origin] = {}

    async def __aenter__(self) -> Self:
        """Open the pool; no connection is made before it is needed."""
        connector = _Connector(
            self._clock,
            self._connection_seconds,
            limit=0,
            limit_per_host=0,
            keepalive_timeout=KEEPALIVE_SECONDS,
            ssl=self._tls or True,
        )
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

    def transport(
        self,
        base_url: str,
        *,
        token: Secret = NO_TOKEN,
        tls: ssl.SSLContext | None = None,
        hosts: Sequence[str] = (),
        port: int = 0,
    ) -> "Transport":
        """The innermost sender: one HTTP request to the service at ``base_url``.

        ``token``, as it is at the moment, is shown to it as Authorization: Bearer (RFC 6750 §2.1); ``tls`` says whom to
        trust and as whom to come there, None as everywhere. With ``hosts`` (addresses) connections are made to one of
        these and ``port``; who is meant, and whose certificate is wanted, ``base_url`` still tells.
        """
        return Transport(self, base_url, token, tls, hosts, port)

    def origin(self, transport: "Transport") -> "_Origin":
        """What is the same in every request by ``transport``.

        Raises:
            Unreachable: the session is closed.
        """
        return self._origins.get(transport) or self._open_origin(transport)

    def _open_origin(self, transport: "Transport") -> "_Origin":
        if self._session is None or self._session.connector is None:
            raise Unreachable("the session is closed")
        connector = cast("_Connector", self._session.connector)
        origin = self._origins[transport] = _Origin(self._session, connector, transport)
        return origin

    def close(self, transport: "Transport") -> None:
        """Close the connections that ``transport`` has in the pool, and forget it."""
        origin = self._origins.pop(transport, None)
        if origin is not None:
            origin.close()


class Transport:
    """Requests to one service, or to one of its instances, over connections of its own.

    Attributes:
        base_url: whom they are for.
        token: what is shown there.
        tls: whom to trust and as whom to come there.
        hosts: addresses at which it is; none where ``base_url`` tells that too.
        port: of the service there.
    """

    __slots__ = ("_is_closed", "_session", "base_url", "hosts", "port", "tls", "token")

    def __init__(  # noqa: PLR0917
        self,
        session: Session,
        base_url: str,
        token: Secret,
        tls: ssl.SSLContext | None,
        hosts: Sequence[str],
        port: int,
    ) -> None:
        self._session = session
        self._is_closed = False
        self.base_url = base_url
        self.token = token
        self.tls = tls
        self.hosts = hosts
        self.port = port

    def close(self) -> None:
        """Close its idle connections at once, and those in use when they have been used."""
        self._is_closed = True
        self._session.close(self)

    async def __call__(self, call: Call[Any]) -> Any:
        """Carry out ``call``."""
        if self._is_closed:
            raise Unreachable("the instance has left", retryable=True, at_once=True, is_failure=False)
        origin = self._session.origin(self)
        protocol: Any = None  # a _ServiceConnection, once there is one
        try:
            connection = origin.connector.take_pooled(origin.key) or await origin.connector.open_new(origin.example)
            try:
                protocol = connection.protocol
                written = request(origin.path, origin.fields(), call)
                if call.change is not None:
                    call.change.sent += 1
                protocol.send(written)
                reply = await protocol.plain
                if reply is None:
                    message, payload = await protocol.read()
                    body = await read_bounded(message.headers, payload, BODY_LIMIT)
                    reply = Reply(message.code, message.headers, body)
                value = call.read(raise_for_status(reply))
            except BaseException:
                # Also after an answer that is of no use: it may have been another's, and the own one be yet to come.
                connection.close()
                raise
            self._release(connection)
        except aiohttp.ClientConnectorError as error:
            raise self._not_connected(error) from error
        except (aiohttp.ClientPayloadError, HttpProcessingError, ValueError) as error:
            raise BadResponse(f"the answer is not valid HTTP ({type(error).__name__})") from error
        except (aiohttp.ClientError, OSError, EofStream) as error:
            if protocol is not None and protocol.was_stale():
                # The service was closing it while the request was on its way: no fault of anybody's.
                raise Unreachable(
                    "a pooled connection was stale", retryable=True, at_once=True, is_failure=False
                ) from error
            if isinstance(refusal := error.__cause__, ssl.SSLError):
                raise self._refused("the service refused the handshake", refusal) from error
            raise Unreachable(f"the connection broke ({type(error).__name__})") from error
        return value

    def _release(self, connection: Connection) -> None:
        if self._is_closed:
            connection.close()
        else:
            connection.release()

    def _not_connected(self, error: aiohttp.ClientConnectorError) -> Unreachable:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return self._refused("the service's certificate is not accepted", error.certificate_error)
        if isinstance(error, aiohttp.ClientConnectorSSLError):
            return self._refused("the TLS handshake failed", error.os_error)
        return NotConnected(f"no connection ({type(error).__name__})", retryable=True)

    def _refused(self, what: str, error: Exception) -> Unreachable:
        """An error that people must repair: it is logged, and not retried."""
        why = getattr(error, "verify_message", "") or getattr(error, "reason", "") or type(error).__name__
        log_deduplicated("error", "upstream TLS failed", "upstream", address=self.base_url, error=f"{what}: {why}")
        return Unreachable(f"{what}: {why}")


class _Origin:
    """Where a service is, and what is the same in every request to it.

    Attributes:
        example: a request to it, by which the connector knows which connections are wanted.
        key: what it keeps them under.
        path: what stands before the path of each call.
    """

    __slots__ = ("_fields", "_host", "_name", "_shown", "_token", "connector", "example", "key", "path")

    def __init__(self, session: aiohttp.ClientSession, connector: "_Connector", transport: Transport) -> None:
        url = URL(transport.base_url, encoded=True)
        example = partial(
            ClientRequest, "GET", loop=asyncio.get_running_loop(), session=session, ssl=transport.tls or True
        )
        named = example(url)
        self._name = ""
        self.connector = connector
        self.example = named
        if transport.hosts:
            self._name = connector.addresses.add(transport.hosts)
            self.example = example(url.with_host(self._name).with_port(transport.port), server_hostname=url.raw_host)
        self.key = self.example.connection_key
        self.path = url.raw_path.rstrip("/")
        self._host = f"{HOST}: {named.headers[HOST]}\r\n"
        self._token = transport.token
        self._shown: str | None = None
        self._fields = ""

    def fields(self) -> str:
        """The header fields that are the same in each request, until there is another token."""
        token = self._token.text
        if token is not self._shown:
            self._shown = token
            shown = f"Authorization: Bearer {token}\r\n" if token else ""
            self._fields = f"{self._host}{shown}{CONSTANT_FIELDS}"
        return self._fields

    def close(self) -> None:
        """Close what is in the pool."""
        self.connector.addresses.remove(self._name)
        self.connector.close_pooled(self.key)


class _Addresses(AbstractResolver):
    """Where instances are, each under a name of its own that nobody can look up; the system knows all others."""

    def __init__(self) -> None:
        self._hosts: dict[str, Sequence[str]] = {}
        self._numbers = count(1)
        self._system = aiohttp.ThreadedResolver()

    def add(self, hosts: Sequence[str]) -> str:
        """The name for what is at one of ``hosts``."""
        name = f"instance-{next(self._numbers)}{_NOWHERE}"
        self._hosts[name] = hosts
        return name

    def remove(self, name: str) -> None:
        """Forget it."""
        self._hosts.pop(name, None)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of ``host``; called by aiohttp for each new connection."""
        hosts = self._hosts.get(host)
        if hosts is None and host.endswith(_NOWHERE):
            raise OSError("the instance has left")
        if hosts is None:
            return await self._system.resolve(host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=one,
                port=port,
                family=socket.AF_INET6 if ":" in one else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for one in hosts
        ]

    async def close(self) -> None:
        """Nothing is open."""


class _Connector(aiohttp.TCPConnector):
    """Makes connections of ours, and gives none in which unread bytes wait."""

    def __init__(self, clock: Clock, connection_seconds: float, **options: Any) -> None:
        self.addresses = _Addresses()
        super().__init__(resolver=self.addresses, use_dns_cache=False, **options)
        made = partial(_ServiceConnection, loop=self._loop, clock=clock, seconds=connection_seconds)
        self._factory = cast("partial[ResponseHandler]", made)

    def take_pooled(self, key: ConnectionKey) -> Connection | None:
        """One that lay in the pool; those there that are of no use any more are closed, which is no attempt."""
        idle: Any = self._conns.get(key)
        while idle:
            protocol, since = idle.popleft()
            if time.monotonic() - since <= KEEPALIVE_SECONDS and not protocol.is_old() and protocol.is_idle():
                self._acquired.add(protocol)
                return Connection(self, key, protocol, self._loop)
            protocol.close()
        return None

    def close_pooled(self, key: ConnectionKey) -> None:
        """Close those that lie in the pool."""
        for protocol, _since in self._conns.pop(key, ()):
            protocol.close()

    async def open_new(self, example: ClientRequest) -> Connection:
        """A new one.

        Raises:
            Unreachable: they are ended, or spoken on, before anything was asked.
            aiohttp.ClientError: there is none.
        """
        for _ in range(_MAX_FRESH):
            made = await cancellable(self.connect(example, [], _NO_TIMEOUT), unwanted=Connection.close)
            protocol: Any = made.protocol
            if protocol.is_idle():
                return made
            await asyncio.sleep(0)  # a connection that is being lost tells why in the next turn of the loop
            lost = protocol.exception()
            made.close()
            if lost is not None and isinstance(lost.__cause__, ssl.SSLError):
                raise lost
        raise Unreachable("connections are ended, or spoken on, before anything was asked", retryable=True)


class _ServiceConnection(ResponseHandler):
    """One connection: what the service says is an answer only while a request is outstanding (RFC 9112 §9.2)."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        seconds: float,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """It may be used for ``seconds``, or up to a fifth less."""
        super().__init__(loop)
        self._clock = clock
        self._old_from = clock() + draw(_LEAST_SHARE, 1.0) * seconds
        self._write: Callable[[bytes], None] = lambda _data: None
        self._unread: Callable[[int], object] = lambda _milliseconds: None
        self._encrypted = False
        self._outstanding = False
        self._has_received = False
        self._interim: Interim | None = None
        self._sent_at = 0.0
        self.sent = 0
        self.plain: asyncio.Future[Reply | None] = loop.create_future()
        """The answer, if it is a plain one; None as soon as it is known to be another, or none, to be :meth:`read`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One parser and one look at the socket serve the connection for as long as it lives."""
        super().connection_made(transport)
        self.set_response_params(read_until_eof=True, auto_decompress=False)
        readable = select.poll()
        readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._write, self._unread = cast("asyncio.Transport", transport).write, readable.poll
        self._encrypted = transport.get_extra_info("sslcontext") is not None

    def is_old(self) -> bool:
        """Whether no further request may be written."""
        return self._clock() >= self._old_from

    def is_idle(self) -> bool:
        """Whether it is open and holds no unread bytes, so that a request may be written."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        # A service may have given session tickets (RFC 8446 §4.6.1) when the handshake was over.
        return (self._encrypted and not self.sent) or not self._unread(0)

    def send(self, written: bytes) -> None:
        """Write a request, to which the next answer belongs.

        Raises:
            BadResponse: something was there sooner than any answer can be.
        """
        self._payload = self._interim = None
        self._has_received, self._outstanding = False, True
        self.plain = self._loop.create_future()
        self.sent += 1
        self._sent_at = self._clock()
        self._write(written)
        if (
            (self.sent > 1 or not self._encrypted)
            and self._unread(0)
            and self._clock() - self._sent_at < _MIN_ROUND_TRIP_SECONDS
        ):
            self._close_unsolicited()
            raise BadResponse("something came before it can have been an answer", at_once=True, is_failure=False)

    def was_stale(self) -> bool:
        """Whether the connection was lost too soon after the request for that to be an answer to it."""
        return self.sent > 1 and not self._has_received and self._clock() - self._sent_at < _STALE_SECONDS

    def data_received(self, data: bytes) -> None:
        """Take what belongs to the outstanding request, and nothing else."""
        if data and not self._outstanding:
            self._close_unsolicited()
            return
        if not self._has_received or self._interim is not None:
            if not self._has_received and len(data) <= MAX_BYTES and (reply := parse_plain(data)) is not None:
                self._has_received, self._outstanding = True, False
                self._set_plain(reply)
                return
            self._has_received = True
            self._set_plain(None)
            if self._interim is not None or not data.startswith(_FINAL):
                data = self._without_interim(data)
                if not data:
                    return
        if len(data) > _PIECE:
            for start in range(0, len(data) - _PIECE, _PIECE):
                self._parse(data[start : start + _PIECE])
                if not self._outstanding:
                    self._close_unsolicited()
                    return
            data = data[start + _PIECE :]
        self._parse(data)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """There is no answer; aiohttp says why only to whoever waits for its own future."""
        super().set_exception(exc, *cause)
        if cause and isinstance(cause[0], Exception) and cause[0] is not exc:
            exc.__cause__ = cause[0]
        self._set_plain(None)

    def _set_plain(self, reply: Reply | None) -> None:
        if not self.plain.done():
            self.plain.set_result(reply)

    def _parse(self, data: bytes) -> None:
        ResponseHandler.data_received(self, data)
        payload = self._payload
        if payload is not None and payload.is_eof() and self._outstanding:
            self._outstanding = False
            if self._parser is not None and _has_more(self._parser):
                self._close_unsolicited()

    def _without_interim(self, data: bytes) -> bytes:
        if self._interim is None:
            self._interim = Interim()
        try:
            data = self._interim.cut(data)
        except BadResponse as error:
            self.set_exception(error)
            self._end()
            return b""
        if data:
            self._interim = None
        return data

    def _close_unsolicited(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            peer = str(self.transport.get_extra_info("peername"))
            log_deduplicated("warning", "unsolicited upstream response", "upstream", address=peer)
        self._end()

    def _end(self) -> None:
        self.force_close()
        if self.transport is not None:
            self.transport.close()


def _has_more(parser: Any) -> bool:
    """Whether the beginning of another head came with an answer; the parser keeps it to itself until it is asked."""
    try:
        return parser.feed_eof() is not None
    except Exception:  # noqa: BLE001 - whatever there is to dislike about it, it is there
        return True
