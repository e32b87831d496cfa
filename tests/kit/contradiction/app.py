"""The program's app, which cannot be built."""

from typing import Any

from sanic import HTTPResponse, Request, Sanic

from shared.http import routing
from shared.serving.app import build_app
from shared.settings.declared import Settings
from tests.kit.operations import operation


def create_app(settings: Settings) -> Sanic[Any, Any]:
    """No app."""

    async def answer(_request: Request) -> HTTPResponse:
        return routing.no_content()

    def routes(app: Sanic[Any, Any]) -> None:
        routing.get(app, "/one", answer, "same", operation())
        routing.get(app, "/other", answer, "same", operation())

    return build_app("contradiction", settings, routes=[routes])
