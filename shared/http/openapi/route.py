"""``GET /openapi.json``: the document of the app, made once when all its routes are known."""

from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic

from shared import codec
from shared.http import routing
from shared.http.coded_body import NO_BODY, CodedBody
from shared.http.openapi import vocabulary
from shared.http.openapi.document import Info, document
from shared.http.openapi.operation import JSON, Answer, Operation
from shared.http.openapi.security import security_of
from shared.http.tagged_body import TaggedBody

PATH: Final = "/openapi.json"
_HEADERS: Final = (vocabulary.ETAG, vocabulary.CACHE_CONTROL, vocabulary.VARY)
_OPERATION: Final = Operation(
    "This document",
    vocabulary.OPERATIONS,
    (
        Answer(200, "The OpenAPI document.", dict[str, Any], headers=_HEADERS),
        Answer(304, "The document at hand is this one.", headers=_HEADERS),
    ),
    parameters=(vocabulary.IF_NONE_MATCH,),
)


class OpenAPIRoute:
    """Serves the document as ready bytes; to be added before it is made."""

    def __init__(self, info: Info) -> None:
        self._info = info
        self._body = TaggedBody(NO_BODY, JSON)

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Add the route to ``app``."""
        routing.get(app, PATH, self._answer, "openapi", _OPERATION)

    def make(self, app: Sanic[Any, Any]) -> bytes:
        """Describe the routes that ``app`` has now; the document, as it is served.

        Raises:
            DeclarationError: what they declare contradicts itself.
        """
        body = codec.document(document(self._info, routing.declared_routes(app), security_of(app.ctx.edge)))
        self._body = TaggedBody(CodedBody(body), JSON)
        return body

    async def _answer(self, request: Request) -> HTTPResponse:
        return self._body.response(request, {"Cache-Control": "no-cache"})
