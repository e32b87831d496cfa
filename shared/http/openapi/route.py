"""``GET /openapi.json``: the document of the app, made once when all its routes are known."""

import hashlib
from typing import Any, Final

from sanic import HTTPResponse, Request, Sanic
from sanic.response import raw

from shared import codec
from shared.http import routing
from shared.http.coded_body import CodedBody
from shared.http.conditional import matches
from shared.http.content_coding import coding_for, coding_headers
from shared.http.openapi import vocabulary
from shared.http.openapi.document import Info, document
from shared.http.openapi.operation import JSON, Answer, Operation
from shared.http.openapi.security import security_of

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
        self._body = CodedBody(b"")
        self._etag = ""

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Add the route to ``app``."""
        routing.get(app, PATH, self._answer, "openapi", _OPERATION)

    def make(self, app: Sanic[Any, Any]) -> bytes:
        """Describe the routes that ``app`` has now; the document, as it is served.

        Raises:
            DeclarationError: what they declare contradicts itself.
        """
        body = codec.document(document(self._info, routing.declared_routes(app), security_of(app.ctx.edge)))
        self._body = CodedBody(body)
        # Weak: the same in all codings (RFC 9110 §8.8.1).
        self._etag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        return body

    async def _answer(self, request: Request) -> HTTPResponse:
        headers = {"ETag": self._etag, "Cache-Control": "no-cache"}
        if matches(request.headers.get("if-none-match"), self._etag):
            return HTTPResponse(status=304, headers=headers | coding_headers("identity"))
        body, coding = self._body.coded(coding_for(request))
        return raw(body, headers=headers | coding_headers(coding), content_type=JSON)
