"""OPTIONS: what works on a path, and for a browser what a page of another origin may do there."""

from typing import Any

import pytest
from sanic import HTTPResponse, Request, Sanic

from shared.edge.cors import Cors
from shared.edge.edge import Edge
from shared.http import routing
from shared.serving.app import build_app
from shared.settings.declared import Settings
from shared.settings.loading import load
from tests.kit.operations import operation

ORIGIN = "https://app.example.org"


def _app(cors: Cors | None) -> Sanic[Any, Any]:
    async def answer(_request: Request, **_parameters: str) -> HTTPResponse:
        return routing.no_content()

    def routes(app: Sanic[Any, Any]) -> None:
        routing.get(app, "/things/<name:str>", answer, "thing", operation("name"))
        routing.delete(app, "/things/<name:str>", answer, "no_thing", operation("name"))
        routing.post(app, "/things", answer, "new_thing", operation())

    return build_app("preflights", load(Settings, {}), routes=[routes], edge=None if cors is None else Edge(cors=cors))


@pytest.mark.parametrize(("path", "works"), [("/things/a", {"DELETE", "GET", "HEAD"}), ("/things", {"POST"})])
@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example", None])
@pytest.mark.parametrize("asked", ["DELETE", "GET", None])
async def test_a_preflight_is_answered_for_its_path(
    sanic_client: Any, path: str, works: set[str], origin: str | None, asked: str | None
) -> None:
    """With the methods that work there, to a listed origin; whoever else asks is told what works, and no more."""
    client = await sanic_client(_app(Cors([ORIGIN])))
    fields = {"Origin": origin, "Access-Control-Request-Method": asked, "Access-Control-Request-Headers": "x-other"}
    answer = await client.options(path, headers={name: value for name, value in fields.items() if value is not None})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == ", ".join(sorted({*works, "OPTIONS"}))
    is_let_in = origin == ORIGIN and asked is not None
    assert answer.headers.get("access-control-allow-origin") == (ORIGIN if origin == ORIGIN else None)
    assert answer.headers.get("access-control-allow-methods") == (", ".join(sorted(works)) if is_let_in else None)
    assert ("access-control-max-age" in answer.headers) == is_let_in
    assert "Origin" in answer.headers["vary"]


async def test_without_cors_options_tells_what_works(sanic_client: Any) -> None:
    """Whatever a browser asks."""
    client = await sanic_client(_app(None))
    answer = await client.options("/things", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"})
    assert (answer.status_code, answer.headers["allow"]) == (204, "OPTIONS, POST")
    assert "access-control-allow-origin" not in answer.headers
