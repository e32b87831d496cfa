"""A page: a template, filled in once, and sent with security headers."""

import html
import math
import re
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import Final

from sanic import HTTPResponse, Request

from bff.pages.assets import PATH, Assets
from shared.http.coded_body import CodedBody
from shared.http.exchange import edge_of, peer_of
from shared.http.openapi.operation import Answer, Header
from shared.http.openapi.vocabulary import CACHE_CONTROL, ETAG, VARY
from shared.http.tagged_body import TaggedBody
from shared.memoized import Memoized

TEMPLATES: Final = Path(__file__).with_name("templates")
_SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
}
_HTTPS_ONLY: Final = {"Strict-Transport-Security": "max-age=31536000"}
_HEADERS: Final = (
    CACHE_CONTROL,
    ETAG,
    VARY,
    Header("Content-Security-Policy", "What the page may do (CSP Level 3)."),
    Header("Cross-Origin-Opener-Policy", "Keeps pages of other origins from holding on to this one."),
    Header("Permissions-Policy", "What of the device the page may not use."),
    Header("Referrer-Policy", "Tells nobody where a link was followed."),
    Header("Strict-Transport-Security", "Browsers are to come by HTTPS alone, where they have once (RFC 6797)."),
)
_asset = re.compile(rf"{PATH}([\w.-]+)")


def came_by_https(request: Request) -> bool:
    """Whether ``request`` has come by TLS: to this process, or to a proxy that is trusted and says so."""
    if request.conn_info is not None and request.conn_info.ssl:
        return True
    edge = edge_of(request)
    return edge is not None and edge.says_https(peer_of(request).peer, request.headers.get("x-forwarded-proto"))


class Html(str):
    """Text that is HTML already, so that it is not escaped where it is put in."""

    __slots__ = ()


def fill(template: str, **values: str) -> Html:
    """``template`` with these ``values`` in their places, each escaped unless it is :class:`Html`.

    Raises:
        KeyError: a place has no value.
    """
    safe = {name: value if isinstance(value, Html) else html.escape(value) for name, value in values.items()}
    return Html(Template(template).substitute(safe))


def template(name: str) -> str:
    """The template of that name."""
    return (TEMPLATES / f"{name}.html").read_text("utf-8")


class Page:
    """A page that is the same for everybody; it names assets by their plain names and gets those with hashes."""

    media_type = "text/html;charset=utf-8"

    def __init__(self, name: str, assets: Assets, status: int = 200, **values: str) -> None:
        self._template = template(name)
        self._assets = assets
        self._status = status
        self._values = values
        self._rendered = Memoized(self._render, math.inf)
        self.answers: Sequence[Answer] = [Answer(status, "The page.", str, ("text/html",), headers=_HEADERS)]
        if status == HTTPStatus.OK:
            self.answers = [*self.answers, Answer(304, "The page at hand is still good.", headers=_HEADERS)]

    async def __call__(self, request: Request) -> HTTPResponse:
        """The page, or that the one at hand is still good."""
        body = await self._rendered()
        headers = {"Cache-Control": "no-cache", **_SECURITY_HEADERS, **(_HTTPS_ONLY if came_by_https(request) else {})}
        return body.response(request, headers, self._status)

    async def _render(self) -> TaggedBody:
        paths = {name: await self._assets.path_of(name) for name in set(_asset.findall(self._template))}
        linked = _asset.sub(lambda found: paths[found[1]], self._template)
        return TaggedBody(CodedBody(fill(linked, **self._values).encode()), self.media_type)
