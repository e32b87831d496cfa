"""Whatever goes wrong while it is decided who is let in, nobody is."""

import math
from typing import Any, Final

import pytest
from sanic import HTTPResponse, Request, Sanic

from shared.edge.edge import Edge
from shared.edge.quotas import Quotas
from shared.edge.settings import EdgeSettings
from shared.http import routing
from shared.http.early_answers import EarlyAnswers
from shared.http.early_routes import EarlyRoute, ReadyResponse, Response
from shared.http.exchange import Exchange
from shared.serving.app import build_app
from shared.settings.loading import load
from tests.fixtures.ledgers import Ledger
from tests.kit.operations import operation

_BODY: Final = b'{"secret": 1}'
_BY_SANIC: Final = {"Connection": "keep-alive, TE"}
"""Makes a request that is not answered early."""


class _Ledger(Ledger):
    """Has a fault that nobody has thought of, as soon as it is told to."""

    is_sound = True

    def remembers(self) -> float:
        if not self.is_sound:
            raise RuntimeError("a fault")
        return super().remembers()


@pytest.mark.parametrize("fields", [{}, _BY_SANIC], ids=["early", "by Sanic"])
@pytest.mark.parametrize("is_ready", [True, False])
@pytest.mark.parametrize("is_known", [True, False])
async def test_a_fault_lets_nobody_in(
    sanic_client: Any, is_ready: bool, is_known: bool, fields: dict[str, str]
) -> None:
    """Neither those who were let in before nor others get an answer that was not decided about; it is a 500."""
    ledger = _Ledger()
    settings = load(EdgeSettings, {"RATE_LIMIT_ADDRESS": "1000/1"})
    now = [1_000.0]
    edge = Edge(quotas=Quotas(settings, ledger, 1, clock=lambda: now[0]), epoch=lambda: now[0])
    early = EarlyAnswers(edge)
    ready = ReadyResponse('"etag"', _BODY)
    ready.set_headers({True: (), False: ()}, (), until=math.inf)

    async def make(_name: str, _etag: str | None, _exchange: Exchange) -> Response:
        return Response(200, {}, _BODY)

    async def usual(_request: Request, name: str) -> HTTPResponse:
        return HTTPResponse(_BODY, content_type="application/json")

    def routes(app: Sanic[Any, Any]) -> None:
        routing.get(app, "/early/<name:str>", usual, "early", operation("name"))
        early.declare(
            EarlyRoute("/early/", "/early/<name>", lambda _: ready if is_ready else None, lambda _: None, {}, make)
        )

    app = build_app("early", load(EdgeSettings, {}), routes=[routes], early=early, edge=edge)
    client = await sanic_client(app, verify=False)
    if is_known:
        assert (await client.get("/early/one", headers=fields)).status_code == 200
    ledger.is_sound, now[0] = False, 2_000.0
    given = await client.get("/early/one", headers=fields)
    assert (given.status_code, b"secret" in given.content) == (500, False)
    ledger.is_sound = True
    assert (await client.get("/early/one", headers=fields)).status_code == 200
