"""The user service, put together."""

from typing import Any

from sanic import Sanic

from services.database import Database
from services.deadline_header import read_deadline_header
from services.read_cache import ReadCache
from services.routes import CommonRoutes
from services.users.endpoints import UserEndpoints
from services.users.repository import DATA_SET, UserRepository
from services.users.settings import SERVICE, UserSettings
from shared.observing.telemetry.build import spans_for
from shared.serving.app import build_app


def create_app(settings: UserSettings) -> Sanic[Any, Any]:
    """The app that serves users from the database that ``settings`` name."""
    spans = spans_for(SERVICE, settings)
    database = Database(SERVICE, settings, DATA_SET)
    reads = ReadCache(SERVICE, settings, database, spans)
    endpoints = UserEndpoints(UserRepository(database), reads, lists=settings.lists)
    return build_app(
        SERVICE,
        settings,
        description="Who the customers are.",
        routes=[read_deadline_header, endpoints, CommonRoutes(SERVICE, endpoints.links(), database.check)],
        resources=[reads, database],
        ready=database.ready,
        spans=spans,
    )
