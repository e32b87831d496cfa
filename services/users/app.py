"""The user service, put together."""

from typing import Any

from sanic import Sanic

from services.deadline_header import read_deadline_header
from services.points import Passing, unnoticed
from services.routes import CommonRoutes
from services.store import Store
from services.users.endpoints import UserEndpoints
from services.users.repository import DATA_SET, OUTBOX, UserRepository
from services.users.settings import SERVICE, UserSettings
from shared.observing.telemetry.build import spans_for
from shared.serving.app import build_app


def create_app(settings: UserSettings, passing: Passing = unnoticed) -> Sanic[Any, Any]:
    """The app that serves users from the database that ``settings`` name."""
    spans = spans_for(SERVICE, settings)
    store = Store(SERVICE, settings, DATA_SET, OUTBOX, spans=spans, passing=passing)
    endpoints = UserEndpoints(UserRepository(store), store.reads, lists=settings.lists)
    return build_app(
        SERVICE,
        settings,
        description="Who the customers are.",
        routes=[read_deadline_header, endpoints, CommonRoutes(SERVICE, endpoints.links(), store.database.check)],
        resources=store.resources,
        ready=store.database.ready,
        spans=spans,
    )
