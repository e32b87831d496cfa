"""What is written by hand: clients of streams, which do as ``docs/streams.md`` says that clients do."""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Final, NamedTuple

import pytest

from tests.clients.conftest import Clients
from tests.fixtures.system import System

pytestmark = pytest.mark.node

FRESH: Final = {"status": "fresh"}
MISSING: Final = {"status": "missing", "reason": "timeout"}
USER: Final = {"id": "user123", "username": "ada", "email": "ada@example.com", "full_name": "Ada Example",
               "is_active": True, "created_at": "2026-01-02T03:04:05Z"}  # fmt: skip
PROBLEM: Final = {
    "type": "urn:problem:not-found",
    "title": "Not found",
    "status": 404,
    "detail": "There is no such user.",
}


def _line(event: str, data: object, state: str | None = None) -> str:
    return json.dumps({"event": event, **({"id": state} if state else {}), "data": data}) + "\n"


def _end(reason: str, **more: object) -> str:
    return _line("end", {"reason": reason, **more})


BEGIN: Final = _line("begin", {"user_id": "user123", "parts": ["user", "orders", "products"], "live": True})
PARTS: Final = (
    _line("part", {"name": "user", "provenance": FRESH, "value": USER})
    + "\n"
    + _line("part", {"name": "orders", "provenance": FRESH, "value": []})
    + _line("part", {"name": "products", "provenance": FRESH, "value": {}})
)
COMPLETE: Final = _line("complete", {"metadata": {"partial": False}, "etag": 'W/"a1"'}, "a1")
GONE: Final = _line("part", {"name": "products", "provenance": MISSING, "value": None})
PARTIAL: Final = _line("complete", {"metadata": {"partial": True}, "etag": None})
WHOLE: Final = BEGIN + PARTS + COMPLETE
TOLD: Final = [
    "parts: user, orders, products",
    "user: Ada Example (fresh)",
    "orders: 0 (fresh)",
    "products: 0 (fresh)",
    "complete",
]
LAST: Final[tuple[int, dict[str, str], str]] = (410, {}, "{}")
"""What nobody comes back after."""


class Said(NamedTuple):
    """What a server says to one request after the other, and what it was asked."""

    url: str
    asked: list[dict[str, str]]


Say = Callable[..., Said]
Answer = str | tuple[int, dict[str, str], str]


@pytest.fixture
def say() -> Iterator[Say]:
    """``say(stream, (503, {"Retry-After": "0"}, "{}"), …)``: whole streams, or answers that are none; then 410."""
    servers: list[ThreadingHTTPServer] = []

    def start(*answers: Answer) -> Said:
        left = [(200, {"Content-Type": "application/jsonl"}, one) if isinstance(one, str) else one for one in answers]
        said = Said("", [])

        class Speaker(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                said.asked.append({name.lower(): value for name, value in self.headers.items()})
                status, fields, body = left.pop(0) if left else LAST
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Nothing is logged."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Speaker)
        servers.append(server)
        threading.Thread(target=server.serve_forever).start()
        return said._replace(url=f"http://127.0.0.1:{server.server_port}")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _watch(clients: Clients, language: str, url: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return clients.by_language[language].run("watch", "user123", GATEWAY_URL=url, **environment)


@pytest.mark.parametrize("language", ["typescript", "python"])
def test_parts_are_read_as_they_come(clients: Clients, say: Say, language: str) -> None:
    """With what is ignored between them, a token, and what is missing."""
    said = say(BEGIN + _line("news", {}) + PARTS + GONE + PARTIAL + _end("done"))
    ended = _watch(clients, language, said.url, ACCESS_TOKEN="abc.def")
    assert (ended.returncode, ended.stderr) == (0, "")
    *told, missing, partial, end = [line for line in ended.stdout.splitlines() if line != "(news)"]
    assert told == TOLD[:-1]
    assert (missing, partial, end) == ("products: unknown (missing)", "partial", "end: done")
    (asked,) = said.asked
    assert (asked["accept"], asked["authorization"]) == ("application/jsonl", "Bearer abc.def")


@pytest.mark.parametrize(
    "program", [("npm", "--silent", "run", "watch", "user123"), ("./client.sh", "watch", "user123")]
)
def test_a_profile_is_shown_as_the_gateway_tells_it(
    clients: Clients, running_system: System, program: tuple[str, ...]
) -> None:
    """Each part, in the order in which they are known; what stays for more is ended."""
    language = "python" if program[0] == "./client.sh" else "typescript"
    with subprocess.Popen(
        [shutil.which(program[0]) or program[0], *program[1:]],
        cwd=clients.by_language[language].folder,
        env=os.environ | {"GATEWAY_URL": running_system.gateway.url},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as started:
        assert started.stdout is not None
        first, *parts, last = islice(started.stdout, 5)
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGTERM)
    assert first == "parts: user, orders, products\n"
    assert sorted(parts) == ["orders: 2 (fresh)\n", "products: 3 (fresh)\n", "user: Maria Santos (fresh)\n"]
    assert last == "complete\n"


@pytest.mark.parametrize("language", ["typescript", "python"])
def test_why_there_is_no_stream_is_told(clients: Clients, say: Say, language: str) -> None:
    """In the words of the problem, or by the status."""
    problem = json.dumps(PROBLEM | {"instance": "/", "request_id": "r1"})
    ended = _watch(clients, language, say((404, {"Content-Type": "application/problem+json"}, problem)).url)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Not found: There is no such user.")
    assert "HTTP 410" in _watch(clients, language, say().url).stderr


@pytest.mark.parametrize(
    ("first", "last_event_id"),
    [
        (WHOLE + _end("limit"), "a1"),
        (WHOLE + _end("expired"), "a1"),
        (WHOLE + _end("drain", retry=1), "a1"),
        (WHOLE + _end("problem", problem=PROBLEM, retry=1), "a1"),
        (WHOLE + _end("problem", problem=PROBLEM | {"status": 503}), "a1"),
        (WHOLE + _end("whim"), "a1"),
        (WHOLE, "a1"),
        (WHOLE + '{"event":"part","da', "a1"),
        (WHOLE + GONE, None),
        (WHOLE + GONE + PARTIAL + _end("limit"), None),
        (BEGIN, None),
        ("", None),
        ((503, {"Retry-After": "0"}, "{}"), None),
        ((429, {}, "{}"), None),
        ((502, {"Content-Type": "text/html"}, "<html>"), None),
    ],
)
def test_it_comes_back(clients: Clients, say: Say, first: Answer, last_event_id: str | None) -> None:
    """With the id of what it has, if that is all of one state; and then is told the rest."""
    said = say(first, WHOLE + _end("revoked"))
    ended = _watch(clients, "typescript", said.url)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-6:] == [*TOLD, "end: revoked"]
    assert [asked.get("last-event-id") for asked in said.asked] == [None, last_event_id]


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (WHOLE + _end("done"), "end: done"),
        (WHOLE + _end("revoked"), "end: revoked"),
        (BEGIN + _end("problem", problem=PROBLEM), "end: There is no such user."),
    ],
)
def test_it_stays_away(clients: Clients, say: Say, first: str, told: str) -> None:
    """When all was told that will be."""
    said = say(first)
    ended = _watch(clients, "typescript", said.url)
    assert (ended.returncode, ended.stderr, ended.stdout.splitlines()[-1]) == (0, "", told)
    assert len(said.asked) == 1


def test_who_is_told_that_nothing_is_new_is_done(clients: Clients, say: Say) -> None:
    """A 204 after a one-shot stream that was cut off behind its last word."""
    said = say(WHOLE, (204, {}, ""))
    ended = _watch(clients, "typescript", said.url)
    assert (ended.returncode, ended.stderr, ended.stdout.splitlines()) == (0, "", TOLD)
    assert said.asked[-1]["last-event-id"] == "a1"
