"""What browsers get: pages with what keeps them safe, and assets that may be kept for a year."""

import asyncio
import hashlib
import json
import re
import ssl
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import trustme
from sanic import Sanic

from bff.aggregates.kind import AggregateKind
from bff.pages.assets import Assets
from bff.pages.docs import docs_route
from bff.pages.index import index_page
from bff.pages.page import fill
from bff.pages.swagger_ui import DISTRIBUTION
from bff.parts.part import Aggregate
from bff.parts.sources import Sources
from bff.sources.users import USER
from shared.edge.addresses import ClientAddresses
from shared.edge.edge import Edge
from shared.http.index_route import IndexRoute
from shared.serving.app import build_app
from shared.settings.declared import Settings
from shared.settings.loading import load
from tests.fixtures.edge_on import ALSO_VARY
from tests.fixtures.gateway import Gateway, StartGateway
from tests.fixtures.openapi import Described
from tests.fixtures.processes import StartApp

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
SAFETY = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

HSTS = "strict-transport-security"


def _assets(html: str) -> list[str]:
    return re.findall(r'(?:href|src)="(/assets/[^"]+)"', html)


async def _page(gateway: Gateway, path: str) -> Any:
    return await gateway.get(path, Accept=BROWSER)


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_a_page_is_html_that_may_do_little(start_gateway: StartGateway, path: str) -> None:
    """It is in UTF-8 and English, checked for changes each time, and tells browsers what to keep it from."""
    answer = await _page(await start_gateway(), path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html;charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert {name: answer.headers[name] for name in SAFETY} == SAFETY
    assert HSTS not in answer.headers
    assert answer.text.startswith('<!doctype html>\n<html lang="en">')
    assert not re.search(r"<style|style=|<script>|\son\w+=|javascript:|https?://(?!www\.w3\.org/)", answer.text)


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_a_page_that_a_browser_has_is_not_sent_again(start_gateway: StartGateway, path: str) -> None:
    """Its ETag is that of its content; HEAD tells it too, and the length."""
    gateway = await start_gateway()
    answer = await _page(gateway, path)
    again = await gateway.get(path, Accept=BROWSER, If_None_Match=answer.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert {name: again.headers[name] for name in SAFETY} == SAFETY
    head = await gateway.client.head(path, headers={"Accept": BROWSER})
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-length", "content-type", "vary"):
        assert head.headers.get(name) == answer.headers.get(name), name


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_what_a_page_names_is_there(start_gateway: StartGateway, path: str) -> None:
    """Every asset is served with a type, for a year; its name has the hash of its content."""
    gateway = await start_gateway()
    names = _assets((await _page(gateway, path)).text)
    assert len(names) > 3
    for name in names:
        answer = await gateway.get(name)
        assert answer.headers["content-type"].partition(";")[0] in {"text/css", "text/javascript", "image/svg+xml"}
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert hashlib.sha256(answer.content).hexdigest()[:16] == name.split(".")[-2]


@pytest.mark.parametrize(
    "name", ["nope.js", "icon.svg", "icon.0000000000000000.svg", "icon", "%2e%2e%2fpage.py", "icon.svg%00", "page.py"]
)
async def test_an_asset_of_another_name_is_not_found(start_gateway: StartGateway, name: str) -> None:
    """Nor is one with another hash, or anything beside them."""
    answer = await (await start_gateway()).get(f"/assets/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_icon_is_where_browsers_look_for_one(start_gateway: StartGateway) -> None:
    """Also beside answers that are no pages, and for a day."""
    answer = await (await start_gateway()).get("/favicon.ico")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "public, max-age=86400"
    assert answer.text.startswith("<svg")


@pytest.mark.parametrize("accept", [BROWSER, "text/html", "text/html, application/json;q=0.9"])
async def test_the_index_is_a_page_for_a_browser(start_gateway: StartGateway, accept: str) -> None:
    """It links to everything that the JSON index links to, and says what it was chosen by."""
    gateway = await start_gateway()
    answer = await gateway.get("/", Accept=accept)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["vary"] == f"Accept, Accept-Encoding{ALSO_VARY}"
    for link in (await gateway.get("/")).json()["links"].values():
        assert f'href="{link}"' in answer.text or f'data-path="{link}"' in answer.text, link


async def test_the_document_is_true_of_pages(start_gateway: StartGateway) -> None:
    """And of what they are made with, whether it is sent, still good, or not there."""
    gateway = await start_gateway()
    described = Described((await gateway.get("/openapi.json")).json())
    (script, *_) = _assets((await _page(gateway, "/docs")).text)
    for path, template in (
        ("/", "/"),
        ("/docs", "/docs"),
        (script, "/assets/{name}"),
        ("/assets/nope.js", "/assets/{name}"),
        ("/favicon.ico", "/favicon.ico"),
    ):
        answer = await _page(gateway, path)
        described.assert_tells_of("GET", template, answer)
        if answer.status_code == 200:
            again = await gateway.get(path, Accept=BROWSER, If_None_Match="*")
            assert again.status_code == 304
            described.assert_tells_of("GET", template, again)


@pytest.mark.parametrize("accept", ["*/*", "", "application/json", "application/json, text/html;q=0.9", "text/plain"])
async def test_the_index_is_json_for_all_others(start_gateway: StartGateway, accept: str) -> None:
    """As soon as a page is not liked better."""
    answer = await (await start_gateway()).get("/", Accept=accept)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == f"Accept, Accept-Encoding{ALSO_VARY}"
    assert {"docs", "openapi"} <= answer.json()["links"].keys()


def _app_of_pages(*trusted: str) -> Sanic[Any, Any]:
    assets = Assets.with_own({})
    docs = partial(docs_route, "test", assets, installed=False)
    index = IndexRoute("test", {}, page=partial(index_page, assets=assets, examples={}, asks=False))
    edge = Edge(addresses=ClientAddresses(trusted))
    return build_app("test", load(Settings, {}), routes=[index, docs], edge=edge)


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/docs", 404)])
async def test_who_has_come_by_https_is_to_come_so_again(sanic_client: Any, path: str, status: int) -> None:
    """For a year, told by every answer with a page or about one; nobody else is told (RFC 6797 §7.2)."""
    client = await sanic_client(_app_of_pages("127.0.0.1"))
    for condition, expected in ((None, status), ("*", 304 if status == 200 else status)):
        for told, secure in ({"X-Forwarded-Proto": "https"}, "max-age=31536000"), ({}, None):
            headers = {"Accept": BROWSER, **told} | ({} if condition is None else {"If-None-Match": condition})
            answer = await client.get(path, headers=headers)
            assert (answer.status_code, answer.headers.get(HSTS)) == (expected, secure)
    answer = await client.get("/health/live", headers={"X-Forwarded-Proto": "https"})
    assert HSTS not in answer.headers


@pytest.mark.parametrize("over_tls", [True, False])
async def test_a_connection_of_our_own_with_tls_is_https(test_server: Any, over_tls: bool) -> None:
    """Whatever else a request says of itself."""
    context, trusting, authority = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(), trustme.CA()
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(trusting)
    server = await test_server(_app_of_pages(), ssl=context if over_tls else None)
    tls: dict[str, Any] = {"ssl": trusting, "server_hostname": "localhost"} if over_tls else {}
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, **tls)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nX-Forwarded-Proto: https\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert (HSTS.encode() in head.lower()) == over_tls
    writer.close()


async def test_a_second_aggregate_is_on_the_page(start_gateway: StartGateway) -> None:
    """With a field for what its path asks for."""

    async def load(user_id: str, sources: Sources) -> Aggregate:
        return Aggregate({"user": await sources.take(USER, user_id)})

    kind = AggregateKind("short_card", "/api/card", "user_id", load, parts=(USER,))
    text = (await _page(await start_gateway(kinds=[kind]), "/")).text
    assert 'data-path="/api/card/{user_id}"' in text
    assert ">short card<" in text
    assert '<input name="user_id"' in text


def test_without_swagger_ui_the_page_says_so(start_app: StartApp, tmp_path: Path) -> None:
    """The gateway starts, links to no documentation, and tells with 404 what is missing and what there is."""
    hollow = tmp_path / f"{DISTRIBUTION}-99.dist-info"
    hollow.mkdir()
    (hollow / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 99\n")
    app = start_app("bff", PYTHONPATH=str(tmp_path))
    with urlopen(f"{app.url}/") as answer:
        assert "docs" not in json.load(answer)["links"]
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{app.url}/docs")
    with caught.value as refused:
        text = refused.read().decode()
    assert (refused.status, refused.headers["Content-Type"]) == (404, "text/html;charset=utf-8")
    assert f"<code>{DISTRIBUTION}</code>" in text
    assert 'href="/openapi.json"' in text
    for name in _assets(text):
        with urlopen(app.url + name) as answer:
            assert answer.status == 200


def test_what_is_put_into_a_page_is_escaped() -> None:
    """All but what is HTML already."""
    assert fill("<b>$a</b>$c", a="<&\"'>", c=fill("<i>$x</i>", x="<")) == "<b>&lt;&amp;&quot;&#x27;&gt;</b><i>&lt;</i>"
