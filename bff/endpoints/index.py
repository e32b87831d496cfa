"""``GET /``: name, version and links to everything."""

from typing import Any

from sanic import HTTPResponse, Request, Sanic

import shared
from bff.aggregates.kind import AggregateKind
from shared.http import routing
from shared.serving.app import Routes


def index(service: str, kinds: tuple[AggregateKind, ...]) -> Routes:
    """The route of the index."""
    links = {kind.name: f"{kind.path}/{{{kind.parameter}}}" for kind in kinds} | {
        "health": "/health",
        "live": "/health/live",
        "ready": "/health/ready",
        "metrics": "/metrics",
        "cache_stats": "/api/cache/stats",
    }
    document = {"name": service, "version": shared.__version__, "links": links}

    def routes(app: Sanic[Any, Any]) -> None:
        async def answer(_request: Request) -> HTTPResponse:
            return routing.json_response(document)

        routing.get(app, "/", answer, "index")

    return routes
