"""Answers in the coding that a client likes best: the same content, and told by each answer."""

import gzip
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from aiohttp.compression_utils import ZSTDDecompressor

from tests.fixtures.edge_on import ALSO_VARY, SHOWN_TEXT
from tests.fixtures.gateway import Gateway, StartGateway
from tests.kit.wire import Wire

DECODE: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "zstd": lambda body: ZSTDDecompressor().decompress_sync(body),
    "gzip": gzip.decompress,
    "identity": bytes,
}
ACCEPTED: Final = {
    "gzip, deflate, br, zstd": "zstd",
    "zstd;q=0.5, gzip": "gzip",
    "br, x-gzip": "gzip",
    "gzip;q=0, zstd;q=0": "identity",
    "identity;q=0": "identity",
}
"""What clients say, and the coding that they get."""
LONG: Final = {
    "/metrics": "Accept, Accept-Encoding",
    "/openapi.json": "Accept-Encoding",
    "/": "Accept, Accept-Encoding",
    "/docs": "Accept-Encoding",
    "script of Swagger UI": "Accept-Encoding",
    "style sheet of the index": "Accept-Encoding",
}
"""What is long enough to be coded, with what it depends on; two of these have other names in each version."""
ANY: Final = "text/html, */*;q=0.5"
SHORT: Final = ["/api/cache/stats", "/health", "/health/live", "/api/profile/no.id", "/nowhere", "/favicon.ico"]

Asked = tuple[int, Mapping[str, str], bytes]


async def _asked(gateway: Gateway, path: str, method: str = "GET", **fields: str) -> Asked:
    client: Any = gateway.client
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    async with Wire(client.port) as wire:
        wire.send(f"{method} {path} HTTP/1.1\r\nHost: a\r\n{SHOWN_TEXT}{head}\r\n".encode())
        return await wire.answer(body=method != "HEAD")


async def _path_of(gateway: Gateway, what: str) -> str:
    pages = {"script of Swagger UI": ("/docs", "swagger-ui", "js"), "style sheet of the index": ("/", "index", "css")}
    if what not in pages:
        return what
    page, name, suffix = pages[what]
    text = (await gateway.get(page, Accept="text/html")).text
    (path,) = re.findall(rf'"(/assets/{name}\.\w+\.{suffix})"', text)
    return str(path)


@pytest.mark.parametrize(("accepted", "coding"), ACCEPTED.items())
@pytest.mark.parametrize(("what", "vary"), LONG.items())
async def test_long_text_comes_as_it_is_liked_best(
    start_gateway: StartGateway, what: str, vary: str, accepted: str, coding: str
) -> None:
    """It is shorter, the same content, and says by what it was chosen; HEAD tells the same of it."""
    gateway = await start_gateway()
    path = await _path_of(gateway, what)
    status, headers, body = await _asked(gateway, path, Accept=ANY, Accept_Encoding=accepted)
    _, of_plain, plain = await _asked(gateway, path, Accept=ANY)
    assert (status, headers.get("content-encoding", "identity"), headers["vary"]) == (200, coding, vary + ALSO_VARY)
    assert ("content-encoding" in of_plain, of_plain["vary"]) == (False, vary + ALSO_VARY)
    assert headers.get("etag") == of_plain.get("etag")
    content = DECODE[coding](body)
    if path == "/metrics":  # the second look counts the first
        assert b"\nhttp_active_requests 0.0\n" in content
    else:
        assert content == plain
    assert (len(body) < len(content) * 0.6) == (coding != "identity")
    status, of_head, _ = await _asked(gateway, path, "HEAD", Accept=ANY, Accept_Encoding=accepted)
    assert status == 200
    for name in ("content-encoding", "vary", "etag", "content-type"):
        assert of_head.get(name) == headers.get(name), name
    if path != "/metrics":
        assert of_head["content-length"] == headers["content-length"]


@pytest.mark.parametrize("accepted", ACCEPTED)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("what", [what for what in LONG if what != "/metrics"])
async def test_what_is_at_hand_is_good_in_any_coding(
    start_gateway: StartGateway, what: str, method: str, accepted: str
) -> None:
    """304 has no coding, and says by what an answer with content would be chosen."""
    gateway = await start_gateway()
    path = await _path_of(gateway, what)
    _, of_plain, _ = await _asked(gateway, path, Accept=ANY)
    fields = {"Accept": ANY, "Accept_Encoding": accepted, "If_None_Match": of_plain["etag"]}
    status, headers, body = await _asked(gateway, path, method, **fields)
    assert (status, body, headers["vary"]) == (304, b"", of_plain["vary"])
    assert headers["etag"] == of_plain["etag"]
    assert {"content-encoding", "content-length"}.isdisjoint(headers)


@pytest.mark.parametrize("accepted", ["zstd", "gzip"])
@pytest.mark.parametrize("path", SHORT)
async def test_short_answers_and_problems_stay_as_they_are(
    start_gateway: StartGateway, path: str, accepted: str
) -> None:
    """There is nothing to gain."""
    _, headers, body = await _asked(await start_gateway(), path, Accept_Encoding=accepted)
    assert "content-encoding" not in headers
    assert len(body) < 1024
    body.decode("ascii")


@pytest.mark.parametrize(("coding", "decode"), DECODE.items())
@pytest.mark.parametrize("format_", ["text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0"])
async def test_metrics_are_coded_in_either_format(
    start_gateway: StartGateway, format_: str, coding: str, decode: Callable[[bytes], bytes]
) -> None:
    """Whichever is asked for."""
    _, headers, body = await _asked(await start_gateway(), "/metrics", Accept=format_, Accept_Encoding=coding)
    assert headers["content-type"].startswith(format_.partition(";")[0])
    assert decode(body).rstrip().endswith(b"# EOF") == format_.startswith("application")
