"""What a proxy passes on, and what it says of its own, as docs/edge configures it."""

import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from bff.settings import GatewaySettings
from shared.http.strict_head import MAX_HEAD_BYTES
from shared.settings.loading import load
from tests.fixtures.processes import free_port
from tests.proxies.backend import CHECK, DROP, FIRST, SECOND, STREAM, Backend
from tests.proxies.proxies import CONFIGURATIONS, KINDS, Client, Proxy, running

FORGED = [
    [("X-Forwarded-For", "1.2.3.4")],
    [("X-Forwarded-For", "1.2.3.4, 127.0.0.1"), ("X-Forwarded-For", "5.6.7.8")],
    [("x-forwarded-for", ""), ("Forwarded", "for=1.2.3.4;proto=https;host=evil"), ("X-Forwarded-Host", "evil")],
    [("X-Forwarded-Proto", "http"), ("X-FORWARDED-FOR", "unix:"), ("Forwarded", "for=unknown")],
    [("Connection", "close, x-forwarded-for, x-forwarded-proto")],
]
TOKEN = "Bearer " + "t" * 6 * 1024
GRANTED = [
    ("Authorization", TOKEN),
    ("X-Request-ID", "order-4711"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("If-None-Match", 'W/"a", "b"'),
    ("Accept-Encoding", "zstd, gzip;q=0.5"),
    ("Cookie", "session=" + "c" * 512),
]


@pytest.fixture
def backend() -> Iterator[Backend]:
    """What stands behind the proxy."""
    with Backend() as found:
        yield found


@pytest.fixture(params=KINDS)
def proxy(request: pytest.FixtureRequest, tmp_path: Path, backend: Backend) -> Iterator[Proxy]:
    """Each proxy in turn, before that."""
    with running(request.param, tmp_path, backend.port) as found:
        yield found


def _ask(proxy: Proxy, path: str, fields: list[tuple[str, str]] | None = None, method: str = "GET") -> int:
    client = Client(proxy)
    try:
        answer = client.ask(path, fields, method)
        answer.read()
        return answer.status
    finally:
        client.close()


@pytest.mark.parametrize("requests", [1, 2, 5])
def test_connections_to_the_gateway_are_used_again(proxy: Proxy, backend: Backend, requests: int) -> None:
    """The requests of twenty clients, one after another, come on one connection, or on two at the most."""
    for _ in range(20):
        client = Client(proxy)
        for _ in range(requests):
            assert client.ask("/api/profile/user123").read() == b"{}"
        client.close()
    assert len(backend.lines) == 20 * requests
    assert backend.connections <= 2


@pytest.mark.parametrize("forged", FORGED)
def test_nobody_forges_an_address(proxy: Proxy, backend: Backend, forged: list[tuple[str, str]]) -> None:
    """The gateway hears one address, the client's, and that it came by TLS, whatever the client says itself."""
    client = Client(proxy, "127.0.0.9")
    assert client.ask("/api/profile/user123", forged).status == HTTPStatus.OK
    client.close()
    assert backend.fields("x-forwarded-for") == ["127.0.0.9"]
    assert backend.fields("x-forwarded-proto") == ["https"]
    assert backend.fields("forwarded") == []
    assert backend.fields("x-forwarded-host") == []


def test_what_a_client_has_to_say_arrives(proxy: Proxy, backend: Backend) -> None:
    """A token of six KiB beside ids, tags and cookies, each once and unchanged; and it is no longer than allowed."""
    assert _ask(proxy, "/api/profile/user123?view=card", GRANTED) == HTTPStatus.OK
    for name, value in GRANTED:
        assert backend.fields(name.lower()) == [value]
    assert backend.fields("host") == ["localhost"]
    assert backend.lines[-1] == "GET /api/profile/user123?view=card HTTP/1.1"
    assert sum(len(name) + len(value) + 4 for name, value in backend.heads[-1]) < MAX_HEAD_BYTES - 256


def test_a_target_arrives_as_it_was_written(proxy: Proxy, backend: Backend) -> None:
    """What it means is for the gateway to say: nothing is decoded, merged or resolved on the way."""
    for path in ("/api/profile/%75ser", "/api//profile/u", "/api/./profile/u", "/api/profile/u?a=%20&b", "/%00"):
        if _ask(proxy, path) == HTTPStatus.OK:
            assert backend.lines[-1] == f"GET {path} HTTP/1.1"


def test_bodies_arrive_whole(proxy: Proxy, backend: Backend) -> None:
    """As long as the gateway takes them; the server of the test reads all of it before it answers."""
    client = Client(proxy)
    assert client.ask("/api/orders", method="POST", body=b"b" * 60 * 1024).status == HTTPStatus.OK
    client.close()
    assert backend.fields("content-length") == [str(60 * 1024)]


@pytest.mark.nginx
def test_longer_bodies_do_not_begin_to(tmp_path: Path, backend: Backend) -> None:
    """With nginx: they are refused by their length."""
    with running("nginx", tmp_path, backend.port) as proxy:
        client = Client(proxy)
        answer = client.ask("/api/orders", [("Content-Length", str(64 * 1024 + 1))], method="POST")
        client.close()
    assert answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert backend.lines == []


def test_streams_are_not_buffered(proxy: Proxy, backend: Backend) -> None:
    """An event arrives while the next one has not been made."""
    client = Client(proxy)
    answer = client.ask(STREAM, [("Accept", "text/event-stream")])
    assert answer.read(len(FIRST)) == FIRST
    backend.go_on.set()
    assert answer.read() == SECOND
    client.close()


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("warm", [False, True])
def test_what_was_sent_is_not_sent_again(proxy: Proxy, backend: Backend, method: str, warm: bool) -> None:
    """A gateway that breaks off has had one request, on a new connection as on a kept one; the client hears of it."""
    client = Client(proxy)
    if warm:
        assert client.ask("/api/profile/user123").read() == b"{}"
    try:
        status = client.ask(DROP, method=method, body=b"{}" if method == "POST" else b"").status
    except http.client.RemoteDisconnected:
        status = None  # where its own connection was used before, HAProxy leaves it to the client to ask again
    client.close()
    assert status in {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, None}
    assert [line for line in backend.lines if DROP in line] == [f"{method} {DROP} HTTP/1.1"]


@pytest.mark.parametrize(
    "path",
    [
        "/metrics", "/metrics?x", "/%6detrics", "//metrics", "/metrics/", "/api/cache", "/api/cache/stats",
        "/api/%63ache/profile/user123", "/api//cache/tags/x", "/api/revocations", "/api/events",
    ],
)  # fmt: skip
def test_operations_are_not_for_the_internet(proxy: Proxy, backend: Backend, path: str) -> None:
    """However their paths are written; the gateway does not hear of it."""
    assert _ask(proxy, path) == HTTPStatus.NOT_FOUND
    assert _ask(proxy, path, method="DELETE") == HTTPStatus.NOT_FOUND
    assert backend.lines == []


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/health/live", CHECK, "/api/profile/metrics"])
def test_everything_else_is(proxy: Proxy, path: str) -> None:
    """A name that only looks like theirs is none of theirs."""
    assert _ask(proxy, path) == HTTPStatus.OK


def test_without_tls_clients_are_sent_to_it(proxy: Proxy, backend: Backend) -> None:
    """Method and target stay the same, and the gateway does not hear of it."""
    client = http.client.HTTPConnection("127.0.0.1", proxy.plain)
    client.request("POST", "/api/x?y=z", headers={"Host": "api.example.org"})
    answer = client.getresponse()
    client.close()
    assert (answer.status, answer.headers["Location"]) == (308, "https://api.example.org/api/x?y=z")
    assert backend.lines == []


def test_old_tls_is_refused(proxy: Proxy) -> None:
    """Nothing below 1.2 (RFC 8996)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", proxy.port), 30) as connection, pytest.raises(ssl.SSLError):
        context.wrap_socket(connection)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_gateway_there_is_a_problem_document(kind: str, tmp_path: Path) -> None:
    """As the gateway itself would say it (RFC 9457)."""
    with running(kind, tmp_path, free_port()) as proxy:
        client = Client(proxy)
        answer = client.ask("/api/profile/user123")
        problem = json.load(answer)
        client.close()
    assert (answer.status, problem["status"]) == (503, 503)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "2"


@pytest.mark.parametrize(
    ("file", "words"),
    [("nginx.conf", ("proxy_read_timeout",)), ("haproxy.cfg", ("timeout server", "timeout client"))],
)
def test_proxies_wait_longer_than_the_gateway(file: str, words: tuple[str, ...]) -> None:
    """It is the gateway that ends a request, with an answer that says why."""
    budget = load(GatewaySettings, {}).request_budget
    text = (CONFIGURATIONS / file).read_text()
    for word in words:
        (seconds,) = re.findall(rf"^\s*{word} (\d+)s", text, re.MULTILINE)
        assert int(seconds) > 10 * budget
