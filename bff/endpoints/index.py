"""``GET /``: name, version and links to everything."""

from collections.abc import Mapping
from typing import Any, TypedDict

from sanic import HTTPResponse, Request, Sanic

import shared
from bff.aggregates.kind import AggregateKind
from shared.http import routing
from shared.serving.app import Routes


class Link(TypedDict):
    """A route that is not asked with GET."""

    method: str
    path: str


def index(service: str, kinds: tuple[AggregateKind, ...], admin: Mapping[str, Link]) -> Routes:
    """The route of the index; ``admin`` has the routes that need the admin token, where there are any."""
    links = {kind.name: f"{kind.path}/{{{kind.parameter}}}" for kind in kinds} | {
        "health": "/health",
        "live": "/health/live",
        "ready": "/health/ready",
        "metrics": "/metrics",
        "cache_stats": "/api/cache/stats",
    }
    document: dict[str, object] = {"name": service, "version": shared.__version__, "links": links}
    if admin:
        document["admin"] = admin

    def routes(app: Sanic[Any, Any]) -> None:
        async def answer(_request: Request) -> HTTPResponse:
            return routing.json_response(document)

        routing.get(app, "/", answer, "index")

    return routes
