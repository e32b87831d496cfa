"""A fault in the decision itself: nobody is let in by it, whichever way a request takes."""

import math
from typing import Any

import pytest
from sanic import HTTPResponse, Request, Sanic

from shared.edge.addresses import Client, ClientAddresses
from shared.edge.edge import Edge
from shared.http import routing
from shared.http.early_answers import EarlyAnswers
from shared.http.early_routes import EarlyRoute, ReadyResponse, Response
from shared.http.exchange import Exchange
from shared.serving.app import build_app
from shared.settings.declared import Settings
from shared.settings.loading import load
from tests.kit.operations import operation

_SECRET = b'{"told": "to nobody"}'


class _Broken(ClientAddresses):
    def client(self, peer: str, forwarded: str | None = None) -> Client:
        raise RuntimeError(peer, forwarded)


def _app(early: EarlyAnswers | None, edge: Edge) -> Sanic[Any, Any]:
    ready = ReadyResponse('"etag"', _SECRET)
    ready.set_headers({True: (), False: ()}, (), until=math.inf)

    async def answer(_request: Request, name: str) -> HTTPResponse:
        return HTTPResponse(_SECRET, content_type="application/json")

    async def respond(_name: str, _etag: str | None, _exchange: Exchange) -> Response:
        return Response(200, {}, _SECRET)

    def routes(app: Sanic[Any, Any]) -> None:
        routing.get(app, "/things/<name:str>", answer, "thing", operation("name"))
        if early is not None:
            early.declare(EarlyRoute("/things/", "/things/<name>", lambda _: ready, lambda _number: None, {}, respond))

    return build_app("faulty", load(Settings, {}), routes=[routes], early=early, edge=edge)


@pytest.mark.parametrize("is_early", [True, False])
@pytest.mark.parametrize("path", ["/things/one", "/things/one?x=1", "/nowhere", "/health/live", "/metrics"])
async def test_what_cannot_be_decided_is_refused(sanic_client: Any, path: str, is_early: bool) -> None:
    """500 with a problem document, whatever was asked for; the connection and the process go on."""
    edge = Edge(addresses=_Broken(()))
    client = await sanic_client(_app(EarlyAnswers(edge) if is_early else None, edge))
    for _ in range(2):
        answer = await client.get(path)
        assert answer.status_code == 500
        assert answer.json()["type"] == "urn:problem:internal-error"
        assert _SECRET not in answer.content
