"""Pages of other origins in a browser: what they may send and read is what CORS has told it, by its own judgement."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

import pytest

from shared.edge.cors import Cors
from tests.browser.conftest import VisitPage

pytestmark = pytest.mark.chromium

METHODS: Final = ("GET", "HEAD")
ASK: Final = """
([url, method, headers]) => fetch(url, {method, headers}).then(
  async (answer) => [answer.status, await answer.text(), Object.fromEntries(answer.headers)],
  (error) => error.name)
"""


@dataclass
class _Api:
    """What stands for the gateway: it says who asked, with the status that the path has, and keeps to CORS."""

    cors: Cors
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def seen(self) -> list[str]:
        """Methods that it was asked with since the last look."""
        asked, self.asked = self.asked, []
        return asked


class _Connection(BaseHTTPRequestHandler):
    def __init__(self, api: _Api, *arguments: Any) -> None:
        self._api = api
        super().__init__(*arguments)

    def do_OPTIONS(self) -> None:
        asked = self.headers["Access-Control-Request-Method"]
        self._answer(204, b"", dict(self._api.cors.preflight(self.headers["Origin"], asked, METHODS)))

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(200, b"<!doctype html><title>A page</title>", {"Content-Type": "text/html"})
            return
        headers = {"ETag": 'W/"1"', "RateLimit": '"user";r=1;t=2', "X-Inner": "no"}
        headers |= self._api.cors.headers_for(self.headers["Origin"])
        status = int(self.path[1:])
        self._answer(status, b"" if status == 304 else self.headers.get("Authorization", "nobody").encode(), headers)

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self._api.asked.append(self.command)
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def origins() -> Iterator[list[_Api]]:
    """Three of them: one with an API that lets scripts of the second in, and not of the third."""
    servers = []
    api = _Api(Cors(()))
    for one in (api, _Api(Cors(())), _Api(Cors(()))):
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Connection, one))
        one.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread, one))
    found = [one for _, _, one in servers]
    api.cors = Cors([found[1].url])
    yield found
    for server, thread, _ in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [200, 401, 403, 404, 429, 503])
def test_a_page_of_a_listed_origin_reads_any_answer(origins: list[_Api], visit: VisitPage, status: int) -> None:
    """To a request with a token, with those header fields that are for it; the browser asks but once whether it may."""
    api, friend, _ = origins
    page = visit(f"{friend.url}/").page
    headers = {"Authorization": "Bearer x", "X-Request-ID": "1", "traceparent": "00-1-1-00", "tracestate": "a=b"}
    for seen in (["OPTIONS", "GET"], ["GET"]):
        told = page.evaluate(ASK, [f"{api.url}/{status}", "GET", headers])
        assert told[:2] == [status, "Bearer x"]
        assert told[2]["etag"] == 'W/"1"'
        assert told[2]["ratelimit"] == '"user";r=1;t=2'
        assert "x-inner" not in told[2]
        assert api.seen() == seen


def test_a_page_may_ask_whether_what_it_has_is_good(origins: list[_Api], visit: VisitPage) -> None:
    """Its browser asks each time whether it may, as it goes by nothing that it remembers then (Fetch §4.6)."""
    api, friend, _ = origins
    page = visit(f"{friend.url}/").page
    for _ in range(2):
        told = page.evaluate(ASK, [f"{api.url}/304", "GET", {"If-None-Match": 'W/"1"'}])
        assert told[:2] == [304, ""]
        assert api.seen() == ["OPTIONS", "GET"]


@pytest.mark.parametrize(
    ("method", "headers"),
    [("DELETE", {"Authorization": "Bearer x"}), ("GET", {"Authorization": "Bearer x", "X-Anything-Else": "1"})],
)
def test_it_may_not_do_more_than_it_is_told(
    origins: list[_Api], visit: VisitPage, method: str, headers: dict[str, str]
) -> None:
    """The browser asks, and sends nothing."""
    api, friend, _ = origins
    page = visit(f"{friend.url}/").page
    assert page.evaluate(ASK, [f"{api.url}/200", method, headers]) == "TypeError"
    assert api.seen() == ["OPTIONS"]


@pytest.mark.parametrize(("headers", "seen"), [({"Authorization": "Bearer x"}, ["OPTIONS"]), ({}, ["GET"])])
def test_a_page_of_another_origin_reads_nothing(
    origins: list[_Api], visit: VisitPage, headers: dict[str, str], seen: list[str]
) -> None:
    """With a token it cannot even ask."""
    api, _, stranger = origins
    page = visit(f"{stranger.url}/").page
    assert page.evaluate(ASK, [f"{api.url}/200", "GET", headers]) == "TypeError"
    assert api.seen() == seen
