"""``GET /``: what an app is, and what it offers."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sanic import HTTPResponse, Request, Sanic

import shared
from shared import codec
from shared.http import routing
from shared.http.openapi.operation import Answer, Operation
from shared.http.openapi.route import PATH as OPENAPI_PATH
from shared.http.openapi.vocabulary import OPERATIONS

_COMMON_LINKS: Final = {
    "health": "/health",
    "live": "/health/live",
    "ready": "/health/ready",
    "metrics": "/metrics",
    "openapi": OPENAPI_PATH,
}


class Link(msgspec.Struct, frozen=True):
    """A route that is not asked with GET."""

    method: str
    path: str


class Index(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an app is, and paths of what it offers, some with parameters in braces (RFC 6570).

    `admin` has those that need a token for administrators, where there are any.
    """

    name: str
    version: str
    links: dict[str, str]
    admin: dict[str, Link] = {}


class IndexRoute:
    """The route, with ``links`` to what ``service`` offers besides what every app has, and those for ``admin``."""

    def __init__(self, service: str, links: Mapping[str, str], admin: Mapping[str, Link] | None = None) -> None:
        index = Index(service, shared.__version__, {**links, **_COMMON_LINKS}, dict(admin or {}))
        self._body = codec.encode(index)

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Add the route to ``app``."""
        answers = (Answer(200, "Paths, by name.", Index, examples={"example": self._body}),)
        routing.get(app, "/", self._answer, "index", Operation("What there is", OPERATIONS, answers))

    async def _answer(self, _request: Request) -> HTTPResponse:
        return routing.encoded_response(self._body)
