"""Services over TLS: who is trusted, as whom we come, and what is said when that fails."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from bff.settings import GatewaySettings
from shared.deadline import Deadline
from shared.errors import BadResponse, SettingsError, Unreachable
from shared.settings.loading import load
from shared.upstream.call import Call
from shared.upstream.logical import Policies, Upstream
from shared.upstream.reading import json_of
from shared.upstream.tls import client_context
from shared.upstream.transport.session import Session
from tests.fixtures.closing import closed
from tests.fixtures.log_lines import heard
from tests.fixtures.unruly_service import with_length

AUTHORITY: Final = trustme.CA()
SOMEBODY: Final = trustme.CA()
LONG_AGO: Final = datetime(2001, 1, 1, tzinfo=UTC)


class TlsService:
    """Answers everybody who gets through the handshake with their id, and says what it is told to behind it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.accepted = 0
        self.behind = b""
        self.shown: list[object] = []
        self.ends: list[asyncio.StreamWriter] = []
        self.talks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin a conversation."""
        self.ends.append(writer)
        self.talks.add(asyncio.get_running_loop().create_task(self.talk(reader, writer)))

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.accepted += 1
        self.shown.append(writer.get_extra_info("peercert"))
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                self.asked.append(request.split(b" ", 2)[1].decode().rpartition("/")[2])
                behind, self.behind = self.behind, b""
                writer.write(with_length(orjson.dumps(self.asked[-1])) + behind)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()


@asynccontextmanager
async def _serving(context: ssl.SSLContext | None) -> AsyncIterator[tuple[TlsService, str]]:
    service = TlsService()
    server = await asyncio.start_server(service.accept, "127.0.0.1", 0, ssl=context)
    try:
        yield service, f"https://localhost:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await closed(service.ends)
        await asyncio.gather(*service.talks)


@contextmanager
def _failing(context: ssl.SSLContext | None) -> Iterator[str]:
    """A server whose handshakes fail; in a thread, since asyncio's do not say why (they send no alerts)."""
    listener = socket.create_server(("127.0.0.1", 0))

    def fail(end: socket.socket) -> None:
        if context is None:
            end.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        else:
            wrapped = context.wrap_socket(end, server_side=True, do_handshake_on_connect=False)
            with suppress(OSError):
                wrapped.do_handshake()
            end = socket.socket(fileno=wrapped.detach())
        with end, suppress(OSError):
            end.shutdown(socket.SHUT_WR)
            while end.recv(65_536):
                pass

    def serve() -> None:
        with suppress(OSError):
            while True:
                fail(listener.accept()[0])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def _context(*names: str, authority: trustme.CA = AUTHORITY, expired: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=LONG_AGO if expired else None).configure_cert(context)
    return context


def _older(context: ssl.SSLContext) -> ssl.SSLContext:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def _for_friends(context: ssl.SSLContext) -> ssl.SSLContext:
    context.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(context)
    return context


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with an authority's certificate, a certificate of ours and its key."""
    ours = AUTHORITY.issue_cert("gateway.example")
    AUTHORITY.cert_pem.write_to_path(tmp_path / "authority.pem")
    ours.private_key_pem.write_to_path(tmp_path / "key.pem")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    ours.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    SOMEBODY.issue_cert("x").private_key_pem.write_to_path(tmp_path / "other-key.pem")
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "odd.pem").write_text("-----BEGIN CERTIFICATE-----\nodd\n-----END CERTIFICATE-----\n")
    return tmp_path


def _upstream(session: Session, address: str) -> Upstream:
    return Upstream("user_service", session.transport(address), Policies(5))


async def _ask(upstream: Upstream, name: str = "bob") -> str:
    return await upstream.call(Call(f"/users/{name}", json_of(str), Deadline.after(5)))


FAILURES: Final[dict[str, tuple[Callable[[], ssl.SSLContext | None], str]]] = {
    "of an authority that nobody knows": (lambda: _context("localhost", authority=SOMEBODY), "certificate"),
    "expired": (lambda: _context("localhost", expired=True), "expired"),
    "of another host": (lambda: _context("elsewhere.example"), "Hostname mismatch"),
    "of no host": (lambda: _context("10.9.8.7"), "mismatch"),
    "no TLS at all": (lambda: None, "handshake"),
    "wants a certificate of ours": (lambda: _for_friends(_context("localhost")), "handshake"),
    "wants one, in an older version": (lambda: _older(_for_friends(_context("localhost"))), "handshake"),
}


@pytest.mark.parametrize(("context", "said"), FAILURES.values(), ids=list(FAILURES))
async def test_a_handshake_that_fails_is_unavailable_and_told_as_what_it_is(
    files: Path, context: Callable[[], ssl.SSLContext | None], said: str
) -> None:
    """The log says what is wrong with whose certificate, a few times in a flood."""
    lines: list[bytes] = []
    tls = client_context(str(files / "authority.pem"), "", "")
    with _failing(context()) as address:
        async with Session(tls) as session:
            upstream = _upstream(session, address)
            with heard(lines.append):
                for _ in range(9):  # with a retry each, fewer attempts than open a breaker
                    with pytest.raises(Unreachable) as caught:
                        await _ask(upstream)
    assert said in str(caught.value)
    assert caught.value.is_failure
    told = [line for line in map(orjson.loads, lines) if line["event"] == "upstream TLS failed"]
    assert 1 <= len(told) <= 5
    assert {(line["level"], line["address"]) for line in told} == {("error", address)}
    assert all(said in line["error"] for line in told)


async def test_without_its_authority_a_private_certificate_is_not_trusted(loop: object) -> None:
    """The system does not know it."""
    async with _serving(_context("localhost")) as (service, address), Session() as session:
        with pytest.raises(Unreachable, match="certificate"):
            await _ask(_upstream(session, address))
    assert service.asked == []


@pytest.mark.parametrize("older", [False, True], ids=["1.3", "1.2"])
@pytest.mark.parametrize(("cert", "key"), [("", ""), ("cert.pem", "key.pem"), ("both.pem", "")])
@pytest.mark.parametrize("trusted", ["UPSTREAM_CA_FILE", "USER_SERVICE_CA_FILE"])
async def test_a_private_authority_and_a_certificate_of_ours(
    files: Path, cert: str, key: str, trusted: str, *, older: bool
) -> None:
    """Both sides trust each other, and one connection serves several calls; session tickets are no stray answers."""
    context = _context("localhost")
    if cert:
        context = _for_friends(context)
    named = {
        trusted: str(files / "authority.pem"),
        "UPSTREAM_CLIENT_CERT_FILE": str(files / cert) if cert else "",
        "UPSTREAM_CLIENT_KEY_FILE": str(files / key) if key else "",
    }
    async with (
        _serving(_older(context) if older else context) as (service, address),
        Session(load(GatewaySettings, named).service_tls("user_service")) as session,
    ):
        upstream = _upstream(session, address)
        assert [await _ask(upstream, name) for name in ("alice", "bob", "carol")] == ["alice", "bob", "carol"]
        assert service.accepted == 1
        assert any(service.shown) == bool(cert)


@pytest.mark.parametrize("stray", [with_length(b'"alice"'), b"HTTP/1.1 200 OK\r\nContent-", b"\x00"])
async def test_a_stray_answer_over_tls_is_nobodys(files: Path, stray: bytes) -> None:
    """As over any connection."""
    tls = client_context(str(files / "authority.pem"), "", "")
    async with _serving(_context("localhost")) as (service, address), Session(tls) as session:
        upstream = _upstream(session, address)
        assert await _ask(upstream, "warm") == "warm"
        service.behind = stray
        with suppress(BadResponse):
            assert await _ask(upstream, "alice") == "alice"
        assert [await _ask(upstream, name) for name in ("bob", "carol")] == ["bob", "carol"]


_NO_CERTIFICATES: Final = ("no.pem", ".", "empty.pem", "odd.pem", "key.pem")
_NO_KEYS: Final = ("other-key.pem", "cert.pem", "empty.pem", "locked-key.pem")
_CA, _CERT, _KEY = "UPSTREAM_CA_FILE", "UPSTREAM_CLIENT_CERT_FILE", "UPSTREAM_CLIENT_KEY_FILE"


@pytest.mark.parametrize(
    ("named", "mistake"),
    [
        *(({_CA: name}, f"{_CA}=.*certificates in PEM") for name in _NO_CERTIFICATES),
        *(({_CERT: name}, f"{_CERT}=.*certificates in PEM") for name in _NO_CERTIFICATES),
        *(({_KEY: name}, f"{_KEY}=.*private key") for name in ("no.pem", ".")),
        ({_KEY: "key.pem"}, f"{_KEY}=.*{_CERT} too"),
        ({_CERT: "cert.pem"}, f"{_CERT}=.*own key, without a password, in the same file"),
        *(({_CERT: "cert.pem", _KEY: name}, f"{_CERT}=.*own key.*{_KEY}=") for name in _NO_KEYS),
    ],
)
def test_files_that_cannot_be_used_are_mistakes_of_the_settings(
    files: Path, named: dict[str, str], mistake: str
) -> None:
    """Absent, unreadable, of another kind, of somebody else, behind a password: told at the start, nobody is asked."""
    _lock(files / "key.pem", files / "locked-key.pem")
    with pytest.raises(SettingsError, match=mistake) as caught:
        load(GatewaySettings, {name: str(files / value) for name, value in named.items()})
    assert len(caught.value.mistakes) == 1


def _lock(key: Path, locked: Path) -> None:
    one = serialization.load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(
        one.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
