"""A request of a client for a profile, as the server has parsed it."""

from typing import Final
from unittest.mock import Mock

from sanic import Request
from sanic.compat import Header

from bff.app import create_app
from bff.settings import GatewaySettings
from shared.http.middleware import TimedRequest
from shared.settings.loading import load

TRACEPARENT: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_PATH: Final = "/api/profile/user1"


def request() -> Request:
    """One, with its route found."""
    app = create_app(load(GatewaySettings, {}))
    app.router.finalize()
    headers = Header({"host": "localhost", "accept": "*/*", "traceparent": TRACEPARENT})
    made = TimedRequest(_PATH.encode(), headers, "1.1", "GET", Mock(), app)
    made.route, _, _ = app.router.get(_PATH, "GET", None)
    return made
