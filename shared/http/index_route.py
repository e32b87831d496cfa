"""``GET /``: what an app is, and what it offers; as JSON, or as a page where an app has one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, Protocol

import msgspec
from sanic import HTTPResponse, Request, Sanic

import shared
from shared import codec
from shared.http import routing
from shared.http.media_types import preferred
from shared.http.openapi.operation import JSON, Answer, Operation
from shared.http.openapi.route import PATH as OPENAPI_PATH
from shared.http.openapi.vocabulary import CACHE_CONTROL, IF_NONE_MATCH, OPERATIONS, VARY

_COMMON_LINKS: Final = {
    "health": "/health",
    "live": "/health/live",
    "ready": "/health/ready",
    "metrics": "/metrics",
    "openapi": OPENAPI_PATH,
}
_SUMMARY: Final = "What there is"
_CHOSEN: Final = {"Cache-Control": "no-cache", "Vary": "Accept, Accept-Encoding"}


class Link(msgspec.Struct, frozen=True):
    """A route that is not asked with GET."""

    method: str
    path: str


class Index(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an app is, and paths of what it offers, some with parameters in braces (RFC 6570).

    `commands` has those that change something, `admin` those that need a token for administrators, where there are any.
    """

    name: str
    version: str
    links: dict[str, str]
    commands: dict[str, Link] = {}
    admin: dict[str, Link] = {}


class IndexPage(Protocol):
    """The index for people: its ``media_type``, as ``Content-Type`` has it, and the ``answers`` that it gives."""

    media_type: str
    answers: Sequence[Answer]

    async def __call__(self, request: Request) -> HTTPResponse:
        """The page, or that the one at hand is still good."""
        ...


class IndexRoute:
    """The route, with ``links`` to what ``service`` offers besides what every app has, ``commands`` and ``admin``.

    Where a ``page`` is made of the index, it is given to those who like that better (RFC 9110 §12.5.1).
    """

    def __init__(
        self,
        service: str,
        links: Mapping[str, str],
        admin: Mapping[str, Link] = MappingProxyType({}),
        page: Callable[[Index], IndexPage] | None = None,
        *,
        commands: Mapping[str, Link] = MappingProxyType({}),
    ) -> None:
        index = Index(service, shared.__version__, {**links, **_COMMON_LINKS}, dict(commands), dict(admin))
        self._body = codec.encode(index)
        self._page = None if page is None else page(index)

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Add the route to ``app``."""
        answer = Answer(200, "Paths, by name.", Index, examples={"example": self._body})
        page = self._page
        if page is None:
            operation = Operation(_SUMMARY, OPERATIONS, (answer,))
        else:
            chosen = [replace(one, headers=(*one.headers, CACHE_CONTROL, VARY)) for one in (answer, *page.answers)]
            operation = Operation(_SUMMARY, OPERATIONS, chosen, parameters=(IF_NONE_MATCH,))
        routing.get(app, "/", self._answer, "index", operation)

    async def _answer(self, request: Request) -> HTTPResponse:
        page = self._page
        if page is None:
            return routing.encoded_response(self._body)
        chosen = preferred(request.headers.getall("accept", []), (JSON, page.media_type))
        response = await page(request) if chosen == page.media_type else routing.encoded_response(self._body)
        response.headers.update(_CHOSEN)
        return response
