"""``GET /.well-known/oauth-protected-resource``: which authorization server's tokens are asked for (RFC 9728)."""

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from sanic import HTTPResponse, Request, Sanic

from shared import codec
from shared.edge.challenges import metadata_url
from shared.http import routing
from shared.http.openapi.operation import Answer, Operation
from shared.http.openapi.vocabulary import CACHE_CONTROL, OPERATIONS

_HEADERS: Final = {"Cache-Control": "max-age=3600"}


class ProtectedResource(msgspec.Struct, frozen=True):
    """The metadata of this API as a protected resource (RFC 9728 §2)."""

    resource: str
    authorization_servers: list[str]
    scopes_supported: list[str]
    bearer_methods_supported: list[str]


class ProtectedResourceRoute:
    """The route, for the API that clients reach at ``resource`` with tokens of ``issuer``."""

    def __init__(self, resource: str, issuer: str, scopes: Iterable[str]) -> None:
        """``scopes`` are those that its routes ask for."""
        self.path = urlsplit(metadata_url(resource)).path
        self._body = codec.encode(ProtectedResource(resource, [issuer], sorted(set(scopes)), ["header"]))

    def __call__(self, app: Sanic[Any, Any]) -> None:
        """Add the route to ``app``."""
        answer = Answer(
            200, "The metadata.", ProtectedResource, headers=(CACHE_CONTROL,), examples={"example": self._body}
        )
        operation = Operation("Whose access tokens are asked for", OPERATIONS, (answer,))
        routing.get(app, self.path, self._answer, "protected_resource", operation)

    async def _answer(self, _request: Request) -> HTTPResponse:
        return routing.encoded_response(self._body, headers=_HEADERS)
