"""Connections to one address of a service: whom they are for, how long they live, and what ends them."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import trustme

from shared.deadline import Deadline
from shared.errors import NotConnected, Unreachable
from shared.upstream.call import Call
from shared.upstream.reading import status_only
from shared.upstream.tls import client_context
from shared.upstream.transport.session import Session
from shared.upstream.transport.transport import Transport
from tests.fixtures.processes import free_port

AUTHORITY = trustme.CA()


class Listener:
    """Answers each request with 200, on connections that it keeps.

    Attributes:
        port: where.
        heads: what it was asked.
        opened: how many connections there were.
        closed: how many have been closed by the other side.
        names: the names that certificates were wanted for.
        gate: an answer waits for it.
    """

    def __init__(self) -> None:
        self.port = 0
        self.heads: list[str] = []
        self.opened = 0
        self.closed = asyncio.Semaphore(0)
        self.names: list[str | None] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    @asynccontextmanager
    async def listening(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
        """Take connections meanwhile."""
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: self.names.append(name)
        async with await asyncio.start_server(self._talk, host, self.port, ssl=tls) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head.decode())
                self.asked.set()
                await self.gate.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed.release()
        finally:
            writer.close()


async def _ask(transport: Transport) -> int:
    status: int = await transport(Call("/x", status_only, Deadline.after(30)))
    return status


async def test_who_is_meant_stays_who_was_named(loop: object) -> None:
    """The connection goes to the address, whatever the name is; Host and path are the name's."""
    listener = Listener()
    async with listener.listening(), Session() as session:
        transport = session.transport("http://users.invalid:81/base", hosts=("127.0.0.1",), port=listener.port)
        assert await _ask(transport) == 200
    assert listener.heads[0].startswith("GET /base/x HTTP/1.1\r\n")
    assert "\r\nHost: users.invalid:81\r\n" in listener.heads[0]


@pytest.mark.parametrize("certified", ["users.example", "127.0.0.1"])
async def test_the_certificate_must_be_that_of_the_name(loop: object, tmp_path: Path, certified: str) -> None:
    """It is asked for by name, and one of the address alone is not accepted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(certified).configure_cert(context)
    AUTHORITY.cert_pem.write_to_path(tmp_path / "authority.pem")
    listener = Listener()
    tls = client_context(str(tmp_path / "authority.pem"), "", "")
    async with listener.listening(tls=context), Session() as session:
        transport = session.transport("https://users.example", tls=tls, hosts=("127.0.0.1",), port=listener.port)
        if certified == "users.example":
            assert await _ask(transport) == 200
            assert "\r\nHost: users.example\r\n" in listener.heads[0]
        else:
            with pytest.raises(Unreachable, match="certificate"):
                await _ask(transport)
    assert set(listener.names) == {"users.example"}


@pytest.mark.parametrize("hosts", [("::1", "127.0.0.1"), ("127.0.0.1", "::1")])
async def test_one_instance_may_have_an_address_of_each_family(loop: object, hosts: tuple[str, ...]) -> None:
    """The one that answers is taken (RFC 8305)."""
    listener = Listener()
    async with listener.listening("127.0.0.1"), Session() as session:
        assert await _ask(session.transport("http://localhost", hosts=hosts, port=listener.port)) == 200


async def test_two_instances_share_no_connection(loop: object) -> None:
    """Also where they are called the same."""
    one, other = Listener(), Listener()
    async with one.listening(), other.listening(), Session() as session:
        for listener in (one, other, one, other):
            known = session.transport("http://users.invalid", hosts=("127.0.0.1",), port=listener.port)
            assert await _ask(known) == 200
    assert [len(one.heads), len(other.heads)] == [2, 2]


async def test_one_that_has_left_loses_its_idle_connections_at_once_and_others_after_use(loop: object) -> None:
    """Whoever asks it all the same is told so, which is no fault of the service's and may be tried again at once."""
    listener = Listener()
    async with listener.listening(), Session() as session:
        transport = session.transport("http://users.invalid", hosts=("127.0.0.1",), port=listener.port)
        await asyncio.gather(_ask(transport), _ask(transport))
        listener.gate.clear()
        listener.asked.clear()
        in_flight = asyncio.create_task(_ask(transport))
        await listener.asked.wait()
        transport.close()
        await listener.closed.acquire()
        listener.gate.set()
        assert await in_flight == 200
        await listener.closed.acquire()
        with pytest.raises(Unreachable) as caught:
            await _ask(transport)
        assert (caught.value.retryable, caught.value.at_once, caught.value.is_failure) == (True, True, False)
    assert listener.opened == 2


class _Asking(asyncio.SelectorEventLoop):
    """A loop that remembers which names the system was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[object] = []

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """Remember it."""
        self.names.append(host)
        return await super().getaddrinfo(host, port, **options)


@pytest.mark.parametrize("turns", range(4))
def test_one_that_leaves_while_a_connection_is_made_is_looked_up_nowhere(turns: int) -> None:
    """Its name is nobody's business; the call ends as it may."""

    async def go() -> list[object]:
        listener = Listener()
        async with listener.listening(), Session() as session:
            transport = session.transport("http://users.example", hosts=("127.0.0.1",), port=listener.port)
            asking = asyncio.create_task(_ask(transport))
            for _ in range(turns):
                await asyncio.sleep(0)
            transport.close()
            (ended,) = await asyncio.gather(asking, return_exceptions=True)
            assert ended == 200 or isinstance(ended, Unreachable)
        return cast("_Asking", asyncio.get_running_loop()).names

    with asyncio.Runner(loop_factory=_Asking) as runner:
        assert "instance-1.invalid" not in runner.run(go())


@pytest.mark.parametrize("hosts", [(), ("127.0.0.1",)])
async def test_a_connection_is_not_used_for_longer_than_its_time(loop: object, hosts: tuple[str, ...]) -> None:
    """However busy it is; the next one is new."""
    now = [0.0]
    listener = Listener()
    async with listener.listening(), Session(clock=lambda: now[0], connection_seconds=300) as session:
        transport = session.transport(f"http://127.0.0.1:{listener.port}", hosts=hosts, port=listener.port)
        opened = []
        for now[0] in (0.0, 100.0, 239.0, 301.0, 500.0, 602.0):
            await _ask(transport)
            opened.append(listener.opened)
    assert opened == [1, 1, 1, 2, 2, 3]


async def test_nobody_there_is_no_connection(loop: object) -> None:
    """A reason to look again where the service is."""
    async with Session() as session:
        transport = session.transport("http://users.invalid", hosts=("127.0.0.1",), port=free_port())
        with pytest.raises(NotConnected) as caught:
            await _ask(transport)
    assert caught.value.retryable
